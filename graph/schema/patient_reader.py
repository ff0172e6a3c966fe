"""Reads for subscriptions: repeated while the database is busy, and shared by equal questions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from db.errors import DatabaseError

_RETRY_S = (0.2, 0.5, 1.0)
"""Seconds before the second, the third and each later attempt at a read."""

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

logger = logging.getLogger(__name__)


class PatientReader:
    """Repeats reads while the database is busy or away, and counts them."""

    def __init__(self) -> None:
        self.reads = self.retries = 0

    async def patiently(
        self, read: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Read, as often as it takes. Logs an outage once."""
        attempts = 0
        while True:
            self.reads += 1
            try:
                found = await read(*args, **kwargs)
            except DatabaseError as error:
                if not attempts:
                    logger.warning("events of subscriptions are delayed: %s", error)
                self.retries += 1
                await asyncio.sleep(_RETRY_S[min(attempts, len(_RETRY_S) - 1)])
                attempts += 1
            else:
                if attempts:
                    logger.info(
                        "events of subscriptions continue", extra={"attempts": attempts + 1}
                    )
                return found


@dataclass(eq=False, slots=True)
class _SharedRead(Generic[T]):
    """A read, and how many await it."""

    task: asyncio.Task[T] | None = None
    waiting: int = 0


class SharedReads(PatientReader, Generic[K, T]):
    """Reads of one process, one at a time; equal ones share one that has not begun.

    One under way is not shared: it may not see what its next caller has just heard of. A read that
    is to be repeated lets others pass, and ends when no one needs it any more.
    """

    def __init__(self, read: Callable[[K], Awaitable[T]]) -> None:
        super().__init__()
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._to_begin: dict[K, _SharedRead[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def find(self, key: K) -> T:
        """Read what `key` names, patiently, as it is now or later."""
        shared = self._to_begin.get(key)
        if shared is None:
            shared = self._to_begin[key] = _SharedRead()
            # an empty context: the task outlives the request that started it
            shared.task = asyncio.create_task(self._begin(key, shared), context=Context())
            self._tasks.add(shared.task)
            shared.task.add_done_callback(self._tasks.discard)
        assert shared.task is not None
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                shared.task.cancel()
                self._close_to_others(key, shared)

    async def close(self) -> None:
        """Cancel what runs. Call it before the database is closed."""
        tasks = list(self._tasks)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, key: K, shared: _SharedRead[T]) -> T:
        return await self.patiently(self._in_turn, key, shared)

    async def _in_turn(self, key: K, shared: _SharedRead[T]) -> T:
        async with self._one_at_a_time:
            self._close_to_others(key, shared)
            try:
                return await self._read(key)
            except DatabaseError:
                self._to_begin.setdefault(key, shared)  # it begins once more
                raise

    def _close_to_others(self, key: K, shared: _SharedRead[T]) -> None:
        if self._to_begin.get(key) is shared:
            del self._to_begin[key]
