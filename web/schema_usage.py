"""Counts which members of the schema clients use, by the client's name and version.

Counting adds to a number in memory. What was counted is written to PostgreSQL every few seconds and
when the process ends; while the database is away it waits. `pacegraph schema-usage` shows it.
"""

import asyncio
import logging
from collections import Counter
from contextvars import Context as Variables

from graphql import GraphQLSchema
from sqlalchemy.exc import SQLAlchemyError

from db.errors import DatabaseError
from db.session import AsyncDatabase
from db.statements.server import schema_use
from db.write_positions import WRITES_FOR
from graph.context import Client
from graph.coordinates import coordinates_of
from graph.document.operation import Operation

_WRITE_EVERY_S = 10.0
_PATIENCE_S = 3.0
_MOST_WAITING = 5_000
"""Operations and clients counted apart until they are written; what is beyond is not counted."""
_MOST_CLIENTS = 200
"""Names and versions of clients counted apart: anybody can invent some."""
_OTHERS = Client("(others)")
_AT_ONCE = 50
"""Operations of which coordinates are collected before others have the event loop."""

logger = logging.getLogger(__name__)

_Use = tuple[str, str, str]
"""Coordinate, and the client's name and version."""


class SchemaUsage:
    """The uses that this process saw."""

    def __init__(self, schema: GraphQLSchema, database: AsyncDatabase) -> None:
        self._schema, self._database = schema, database
        self._seen = Counter[tuple[Operation, Client]]()
        self._unwritten = Counter[_Use]()
        self._clients: set[Client] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self.left_out = 0
        """How many operations were not counted, since the process started."""

    def count(self, operation: Operation, client: Client) -> None:
        """Count one run of an operation."""
        use = (operation, client)
        count = self._seen.get(use)
        if count is None:
            use = (operation, self._named_apart(client))
            count = self._seen.get(use, 0)
            if not count and len(self._seen) >= _MOST_WAITING:
                self.left_out += 1
                return
        self._seen[use] = count + 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                _WRITE_EVERY_S, self._begin_to_write, context=Variables()
            )

    def _named_apart(self, client: Client) -> Client:
        if client in self._clients:
            return client
        if len(self._clients) >= _MOST_CLIENTS:
            return _OTHERS
        self._clients.add(client)
        return client

    def _begin_to_write(self) -> None:
        self._timer = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(
                self.write(), context=Variables()
            )

    async def write(self) -> None:
        """Write what was counted. What could not be written is kept for the next time."""
        seen, self._seen = self._seen, Counter()
        for number, ((operation, client), count) in enumerate(seen.items(), 1):
            for coordinate in coordinates_of(self._schema, operation.node, operation.fragments):
                self._unwritten[coordinate, client.name, client.version] += count
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        WRITES_FOR.set(())  # no viewer sees them
        uses, self._unwritten = self._unwritten, Counter()
        if not uses:
            return
        try:
            async with asyncio.timeout(_PATIENCE_S), self._database.write() as connection:
                await connection.execute(schema_use.add(), _columns(uses))
        except (DatabaseError, SQLAlchemyError, TimeoutError) as error:
            self._unwritten += uses
            logger.warning("uses of the schema could not be written: %s", type(error).__name__)

    async def close(self) -> None:
        """Write the rest."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])
        await self.write()


def _columns(uses: Counter[_Use]) -> dict[str, list[str] | list[int]]:
    coordinates, names, versions = zip(*uses, strict=True)
    return {
        "coordinates": list(coordinates),
        "client_names": list(names),
        "client_versions": list(versions),
        "counts": list(uses.values()),
    }
