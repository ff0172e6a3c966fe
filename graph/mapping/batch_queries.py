"""Runs relations' statements: one for all keys of a level, on a pooled connection of its own."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Executable

from db.session import AsyncDatabase
from db.statements.page import PARENT
from db.statements.visibility import Viewer
from graph.pagination import Page, PageArguments, filter_parameters
from graph.relation import Arguments, Lookup, Paged

Rows = list[Mapping[str, Any]]


_AT_ONCE = 4
"""Statements of one operation that run at once: no more, or one operation could drain the pool."""


class Fetcher:
    """Reads for one viewer. Holds no connection between calls, so the batches of a level run at once."""

    def __init__(self, database: AsyncDatabase, viewer: Viewer) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.viewer = viewer

    async def lookup(self, relation: Lookup, arguments: Arguments, keys: Sequence[Any]) -> list[Any]:
        """Answer each key with its object, None where there is none; with `many` with a list of objects."""
        statement = relation.statement(arguments.shape, self.viewer.audience)
        groups = self._by_key(await self._run(statement, {**arguments.parameters, "keys": list(keys)}))
        hydrate = relation.row_type.hydrate
        if relation.many:
            return [[hydrate(row) for row in groups.get(key, ())] for key in keys]
        return [hydrate(groups[key][0]) if key in groups else None for key in keys]

    async def pages(self, relation: Paged, arguments: PageArguments, keys: Sequence[Any]) -> list[Page]:
        """Answer each key with its page; the only key of a list without a parent is None."""
        statement = relation.statement(arguments.shape, self.viewer.audience)
        if relation.key is None:
            return [Page.of(arguments, await self._run(statement, arguments.parameters))] * len(keys)
        groups = self._by_key(await self._run(statement, {**arguments.parameters, "keys": list(keys)}))
        return [Page.of(arguments, groups.get(key, [])) for key in keys]

    async def totals(self, relation: Paged, filters: tuple[tuple[str, Any], ...], keys: Sequence[Any]) -> list[int]:
        """Answer each key with the length of its whole list."""
        statement = relation.count_statement(frozenset(name for name, _ in filters), self.viewer.audience)
        parameters = filter_parameters(filters)
        if relation.key is None:
            return [(await self._run(statement, parameters))[0]["total"]] * len(keys)
        rows = await self._run(statement, {**parameters, "keys": list(keys)})
        totals = {row[PARENT]: row["total"] for row in rows}
        return [totals.get(key, 0) for key in keys]

    async def _run(self, statement: Executable, parameters: dict[str, Any]) -> Rows:
        async with self._turns, self._database.read() as connection:
            result = await connection.execute(statement, {**self.viewer.parameters, **parameters})
            # A RowMapping is a Mapping by its methods, not by its declared type.
            return cast(Rows, result.mappings().all())

    @staticmethod
    def _by_key(rows: Rows) -> dict[Any, Rows]:
        groups: dict[Any, Rows] = {}
        for row in rows:
            groups.setdefault(row[PARENT], []).append(row)
        return groups
