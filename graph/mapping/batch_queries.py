"""Runs the statements of relations: one for all keys of a level."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from db.session import AsyncDatabase
from db.statements import error_link
from db.statements.page import PARENT
from db.statements.visibility import Viewer
from graph.mapping.relation import Arguments, Lookup, Paged
from graph.pagination import Page, PageArguments, filter_parameters

Rows = list[Mapping[str, Any]]


_AT_ONCE = 4
"""Statements of one operation that may run at once. More could drain the connection pool."""


class BatchQueries:
    """Reads for one viewer; `shared` are parameters of any statement beside the viewer's.

    It holds no connection between calls, so batches run concurrently.
    """

    def __init__(self, database: AsyncDatabase, viewer: Viewer, shared: Mapping[str, Any]) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.viewer = viewer
        self._shared = {**viewer.parameters, **error_link.parameters(), **shared}

    async def lookup(
        self, relation: Lookup, arguments: Arguments, keys: Sequence[Any]
    ) -> list[Any]:
        """Get the object of each key, None if there is none; with `many` lists of objects."""
        statement = relation.statement(arguments.shape, self.viewer.audience)
        groups = self._by_key(
            await self._run(statement, {**arguments.parameters, "keys": list(keys)})
        )
        hydrate = relation.row_type.hydrate
        if relation.many:
            return [[hydrate(row) for row in groups.get(key, ())] for key in keys]
        return [hydrate(groups[key][0]) if key in groups else None for key in keys]

    async def pages(
        self, relation: Paged, arguments: PageArguments, keys: Sequence[Any]
    ) -> list[Page]:
        """Get the page of each key. The only key of a list without a parent is None."""
        statement = relation.statement(arguments.shape, self.viewer.audience)
        if relation.key is None:
            return [
                Page.from_rows(arguments, await self._run(statement, arguments.parameters))
            ] * len(keys)
        groups = self._by_key(
            await self._run(statement, {**arguments.parameters, "keys": list(keys)})
        )
        return [Page.from_rows(arguments, groups.get(key, [])) for key in keys]

    async def totals(
        self, relation: Paged, filters: tuple[tuple[str, Any], ...], keys: Sequence[Any]
    ) -> list[int]:
        """Get the length of each key's whole list."""
        statement = relation.count_statement(
            frozenset(name for name, _ in filters), self.viewer.audience
        )
        parameters = filter_parameters(filters)
        if relation.key is None:
            return [(await self._run(statement, parameters))[0]["total"]] * len(keys)
        rows = await self._run(statement, {**parameters, "keys": list(keys)})
        totals = {row[PARENT]: row["total"] for row in rows}
        return [totals.get(key, 0) for key in keys]

    async def _run(self, statement: Executable, parameters: dict[str, Any]) -> Rows:
        async def select(connection: AsyncConnection) -> Rows:
            result = await connection.execute(statement, {**self._shared, **parameters})
            # A RowMapping is a Mapping by its methods, not by its declared type.
            return cast(Rows, result.mappings().all())

        async with self._turns:
            return await self._database.reading(select)

    @staticmethod
    def _by_key(rows: Rows) -> dict[Any, Rows]:
        groups: dict[Any, Rows] = {}
        for row in rows:
            groups.setdefault(row[PARENT], []).append(row)
        return groups
