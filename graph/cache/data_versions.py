"""Versions of data. A cached answer is current while its version is.

Every request reads versions from PostgreSQL after it arrived, so it sees all that was committed
before, by any process. Writes with `session_replication_role = replica`, as some tools restore
dumps, do not change versions. Requests that arrive during a read share the next one, which begins
once a turn of the event loop brings no more of them: under load one small statement serves many.
"""

import asyncio
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic

from db.errors import DatabaseUnavailable
from db.snapshot import RowReader
from db.statements.data_version import OF_ATHLETES_AND_ALL
from graph.cache.key import SharedSubject, Subject
from runtime.time_limit import TimeLimit

_PATIENCE_S = 10.0
"""All requests wait for the read: it must not wait longer for a connection that was lost."""
_MOST_GATHERING_S = 0.001
"""For how long a read waits at most while each turn brings one more request."""
_MOST_GATHERED = 64

Versions = dict[Subject, int]
Listener = Callable[[Versions | None], None]
"""Takes the versions, None where they could not be read."""


@dataclass(eq=False, slots=True)
class _VersionRead:
    """A read that has not begun: the subjects, and the requests that await it."""

    wanted: set[Subject] = field(default_factory=set)
    waiting: "list[asyncio.Future[Versions]]" = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.listeners)


class DataVersions:
    """Reads the versions of one database, for all requests of one event loop."""

    def __init__(self, database: RowReader, failover_s: float = 0.0) -> None:
        """Read by `database`, which tries again for `failover_s` seconds while PostgreSQL is away."""
        self._database = database
        self._patience = TimeLimit(_PATIENCE_S + failover_s)
        self._next: _VersionRead | None = None
        self._reader: asyncio.Task[None] | None = None
        # kept, as asyncio makes a system call to tell it
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_sound = True
        """Whether the last read succeeded."""

    async def read(self, wanted: set[Subject]) -> Versions:
        """Read the versions of subjects' data. An athlete that does not exist has none.

        Raises DatabaseError.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        answer: asyncio.Future[Versions] = loop.create_future()
        self._join(wanted).waiting.append(answer)
        return await answer

    def tell(self, wanted: frozenset[Subject], listener: Listener) -> None:
        """Read as `read` does, and call `listener` in a later turn of the loop, without a task."""
        self._join(wanted).listeners.append(listener)

    async def close(self) -> None:
        """Wait for a read under way, even if no request needs it any more."""
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=_PATIENCE_S)

    def _join(self, wanted: AbstractSet[Subject]) -> _VersionRead:
        """Add to the read that begins next."""
        if self._next is None:
            self._next = _VersionRead()
        self._next.wanted |= wanted
        if self._reader is None:
            loop = self._loop = self._loop or asyncio.get_running_loop()
            # the task belongs to no single request
            self._reader = loop.create_task(self._read_on(), context=Context())
        return self._next

    async def _read_on(self) -> None:
        """Read until no request waits. Requests that arrive during a read wait for the next one."""
        try:
            while (read := self._next) is not None:
                await self._gathered(read)
                self._next = None
                try:
                    versions = await self._read_now(read.wanted)
                except Exception as error:  # noqa: BLE001 - it is raised to the requests that wait
                    self.is_sound = False
                    for each in read.waiting:
                        if not each.done():
                            each.set_exception(error)
                    self._tell(read, None)
                else:
                    self.is_sound = True
                    for each in read.waiting:
                        if not each.done():
                            each.set_result(versions)
                    self._tell(read, versions)
        finally:
            self._reader = None

    @staticmethod
    async def _gathered(read: _VersionRead) -> None:
        """Wait for a turn of the loop without one more request, for a moment at most.

        A client that sends several at once sends them one after the other: the first one's read
        would begin without the others.
        """
        until_s, gathered = monotonic() + _MOST_GATHERING_S, 0
        while gathered < len(read) < _MOST_GATHERED and monotonic() < until_s:
            gathered = len(read)
            await asyncio.sleep(0)

    def _tell(self, read: _VersionRead, versions: Versions | None) -> None:
        """Call the listeners in a later turn, all in one callback."""
        if read.listeners:
            assert self._loop is not None
            self._loop.call_soon(self._call, iter(read.listeners), versions)

    def _call(self, listeners: Iterator[Listener], versions: Versions | None) -> None:
        """Call listeners. One that fails is told of as callbacks are, and stops none of the others."""
        assert self._loop is not None
        for each in listeners:
            try:
                each(versions)
            except Exception as error:  # noqa: BLE001 - the loop tells of it
                told = {"message": "a request with read versions failed", "exception": error}
                self._loop.call_exception_handler(told)
            except BaseException:
                self._loop.call_soon(self._call, listeners, versions)
                raise

    async def _read_now(self, wanted: set[Subject]) -> Versions:
        athletes = [each for each in wanted if isinstance(each, int)]
        of_all_athletes = SharedSubject.ALL_ATHLETES in wanted
        try:
            row = await self._patience.run(
                self._database.fetch_row(OF_ATHLETES_AND_ALL, (athletes, of_all_athletes))
            )
        except TimeoutError as error:
            raise DatabaseUnavailable("PostgreSQL does not answer") from error
        ids, versions, of_all = row
        found: Versions = dict(zip(ids or (), versions or (), strict=True))
        if of_all is not None:
            found[SharedSubject.ALL_ATHLETES] = of_all
        return found
