"""The dataloaders of one request: one statement answers all parents of a level."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from aiodataloader import DataLoader, Loader, dispatch_queue

from graph.mapping.batch_queries import BatchQueries
from graph.mapping.relation import Arguments, Lookup, Paged
from graph.pagination import Page, PageArguments
from runtime.loop_turns import END_OF_PART, LoopTurns


class _PatientLoader(DataLoader[Any, Any]):
    """A loader that waits for objects which go on in other turns: they share its statement."""

    def __init__(
        self, load_all: Callable[[list[Any]], Coroutine[Any, Any, list[Any]]], turns: LoopTurns
    ) -> None:
        super().__init__(load_all)
        self._turns = turns

    def do_resolve_reject(self, key: Any, future: asyncio.Future[Any]) -> None:
        self._queue.append(Loader(key=key, future=future))
        if len(self._queue) == 1:
            self._turns.at_rest(lambda: dispatch_queue(self))
        else:
            self._turns.stir()


class Loaders:
    """Loaders by relation and arguments, made when first needed. They cache for one request.

    For what was cancelled nothing more is loaded. What was loaded together goes on in `turns` of the
    event loop, and shares the next statement all the same.
    """

    def __init__(self, fetcher: BatchQueries, turns: LoopTurns) -> None:
        self._fetch, self._turns = fetcher, turns
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}

    async def lookup(self, relation: Lookup, arguments: Arguments, key: Any) -> Any:
        """Load the object of `key`, None if there is none; with a relation of many a list.

        A null key has no objects.
        """
        if key is None:
            return [] if relation.many else None
        return await self._load(
            ("lookup", relation, arguments),
            lambda keys: self._fetch.lookup(relation, arguments, keys),
            key,
        )

    async def page(self, relation: Paged, arguments: PageArguments, key: Any) -> Page:
        """Load the page of the parent `key`; None for a list without a parent."""
        found: Page = await self._load(
            ("page", relation, arguments),
            lambda keys: self._fetch.pages(relation, arguments, keys),
            key,
        )
        return found

    async def total(self, relation: Paged, filters: tuple[tuple[str, Any], ...], key: Any) -> int:
        """Load the length of the whole list of the parent `key`."""
        total: int = await self._load(
            ("total", relation, filters),
            lambda keys: self._fetch.totals(relation, filters, keys),
            key,
        )
        return total

    async def _load(
        self, name: Hashable, batch: Callable[[list[Any]], Coroutine[Any, Any, list[Any]]], key: Any
    ) -> Any:
        ending = END_OF_PART.get()
        if ending is not None and ending.has_begun:
            raise asyncio.CancelledError
        loader = self._loaders.get(name)
        if loader is None:

            async def load_all(keys: list[tuple[Any]]) -> list[Any]:
                return await batch([key for (key,) in keys])

            # A list without a parent has the key None, which the loader refuses, so every key is
            # wrapped.
            loader = self._loaders[name] = _PatientLoader(load_all, self._turns)
        await self._turns.take()
        found = await loader.load((key,))
        await self._turns.take()
        return found
