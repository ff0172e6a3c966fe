"""Versions of data, by which a cached answer is known to be current.

They are read from PostgreSQL for every request, after it came: what was committed before is seen, whichever process
wrote it (with `session_replication_role = replica`, as some tools restore dumps, nothing is noted). Requests that come
while a read is under way share the next one, so that under load one small statement serves many.
"""

import asyncio
from contextvars import Context
from dataclasses import dataclass, field

from db.errors import DatabaseUnavailable
from db.session import AsyncDatabase
from db.statements.data_version import OF_ATHLETES_AND_ALL
from graph.time_limit import TimeLimit

_PATIENCE_S = 10.0
"""Everybody waits for the one that reads: it must not wait for a connection that is lost unnoticed."""

ALL = 0
"""Stands for everybody's data together, beside the ids of athletes, which begin at 1."""

Versions = dict[int, int]


@dataclass(eq=False, slots=True)
class _Read:
    """A read to come: whose versions, and who waits for it."""

    wanted: set[int] = field(default_factory=set)
    waiting: "list[asyncio.Future[Versions]]" = field(default_factory=list)


class DataVersions:
    """Reads the versions of one database, for all requests of one event loop."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._patience = TimeLimit(_PATIENCE_S)
        self._next: _Read | None = None
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask asyncio each time costs a call of the system

    async def of(self, wanted: set[int]) -> Versions:
        """Read the versions of athletes' data, or of `ALL`; an athlete who does not exist has none.

        Raises DatabaseError.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        if self._next is None:
            self._next = _Read()
        self._next.wanted |= wanted
        self._next.waiting.append(answer := loop.create_future())
        if self._reader is None:
            self._reader = loop.create_task(self._read_on(), context=Context())  # it is not one request's
        versions: Versions = await answer
        return versions

    async def close(self) -> None:
        """Wait for a read under way, whose askers may be gone."""
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=_PATIENCE_S)

    async def _read_on(self) -> None:
        """Read as long as somebody waits; what is asked for meanwhile waits for the next round."""
        try:
            while (read := self._next) is not None:
                self._next = None
                try:
                    versions = await self._read(read.wanted)
                except Exception as error:  # noqa: BLE001 - it is raised to those who wait
                    for each in read.waiting:
                        if not each.done():
                            each.set_exception(error)
                else:
                    for each in read.waiting:
                        if not each.done():
                            each.set_result(versions)
        finally:
            self._reader = None

    async def _read(self, wanted: set[int]) -> Versions:
        athletes = [each for each in wanted if each != ALL]
        try:
            row = await self._patience.run(self._database.fetch_row(OF_ATHLETES_AND_ALL, (athletes, ALL in wanted)))
        except TimeoutError as error:
            raise DatabaseUnavailable("PostgreSQL does not answer") from error
        ids, versions, of_all = row
        found = dict(zip(ids or (), versions or (), strict=True))
        if of_all is not None:
            found[ALL] = of_all
        return found
