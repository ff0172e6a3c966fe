"""Ends statements that work for too long.

PostgreSQL's `statement_timeout` counts waiting too, such as for a lock. What has to be bounded is
work, so a watch looks at the statements that have been running for a while, counts how long each
works, and cancels it beyond a limit. It looks over a connection of its own, for the pool's may all
be at work.

Work is reading and writing files, and the time of CPU. Waiting for anything else is none: locks of
rows, tables and PostgreSQL's own memory, the client, a standby. PostgreSQL does not tell whether a
statement has a core or waits for one. Where its processes run on this machine, the system does
(`db/backend_cpu.py`); elsewhere all of that time counts.
"""

import asyncio
import logging
from contextvars import Context
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.backend_cpu import backend_cpu_s
from db.statements import backend

_LOOK_EVERY_S = 0.2
_UNSEEN_S = 2 * _LOOK_EVERY_S
"""Time before the first look and after the last one."""
_PATIENCE_S = 2.0
_LOOK, _CANCEL = backend.active(), backend.cancel()

logger = logging.getLogger(__name__)


class _Work(NamedTuple):
    """How long a connection has worked, as of when.

    `cpu_s` is what its backend has used since it started, None if unknown.
    """

    seconds: float
    as_of: float
    cpu_s: float | None = None


class StatementWatch:
    """The watch of one process. `begin` and `end` surround the use of a connection, by its pid."""

    def __init__(self, engine: AsyncEngine, limit_s: float) -> None:
        self._engine, self.limit_s = engine, limit_s
        self._began: dict[int, float] = {}
        self._work: dict[int, _Work] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self.cancelled = 0
        """How many statements were cancelled, since the process started."""

    def begin(self, pid: int) -> None:
        self._began[pid] = monotonic()
        if self._timer is None:
            self._look_later()

    def end(self, pid: int) -> float:
        """Get how many seconds of the use were no work; 0 for a short one."""
        began = self._began.pop(pid, None)
        if not self._work or began is None:
            return 0.0
        work = self._work.pop(pid, None)
        return 0.0 if work is None else max(0.0, monotonic() - began - work.seconds - _UNSEEN_S)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            await self._looking  # it does not take long, and ends its connection
        await self._engine.dispose()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(
            _LOOK_EVERY_S, self._begin_look, context=Context()
        )

    def _begin_look(self) -> None:
        self._timer = None
        if not self._began:
            return
        self._look_later()
        before = monotonic() - _LOOK_EVERY_S
        long = [pid for pid, began in self._began.items() if began <= before]
        if long and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look_with_patience(long))

    async def _look_with_patience(self, pids: list[int]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._look(pids)
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            logger.warning("long statements cannot be watched just now: %s", error)

    async def _look(self, pids: list[int]) -> None:
        async with self._engine.connect() as connection:
            found = (await connection.execute(_LOOK, {"pids": pids})).all()
            for pid, backend_start, started, waits_for in found:
                seconds = self._count(pid, waits_for, backend_cpu_s(pid, backend_start))
                if seconds >= self.limit_s - _UNSEEN_S:
                    await self._cancel(connection, pid, started)

    def _count(self, pid: int, waits_for: str | None, cpu_s: float | None) -> float:
        """Add the connection's work since the last look; gives its sum.

        `waits_for` is the type of PostgreSQL's wait event.
        """
        now, began = monotonic(), self._began.get(pid)
        if began is None:
            return 0.0
        last = self._work.get(pid, _Work(0.0, now - _LOOK_EVERY_S))
        passed_s = now - max(last.as_of, began)
        worked_s = passed_s if waits_for in {None, "IO"} else 0.0
        if waits_for != "IO" and cpu_s is not None and last.cpu_s is not None:
            worked_s = min(passed_s, cpu_s - last.cpu_s)
        self._work[pid] = _Work(last.seconds + worked_s, now, cpu_s)
        return self._work[pid].seconds

    async def _cancel(self, connection: AsyncConnection, pid: int, started: datetime) -> None:
        if pid not in self._began:
            return
        parameters = {"pid": pid, "started": started}
        await connection.execute(_CANCEL, parameters)
        self.cancelled += 1
        logger.warning("a statement that worked for too long was cancelled", extra={"backend": pid})
