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
from typing import Any, NamedTuple

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.backend_cpu import backend_cpu_s
from db.statements.server import backend

_LOOK_EVERY_S = 0.2
_UNSEEN_S = 2 * _LOOK_EVERY_S
"""Time before the first look and after the last one."""
_PATIENCE_S = 2.0
_CANCEL = backend.cancel()

BackendKey = int | str
"""What names a connection's backend: its process id, or behind a pooler the connection's name."""

logger = logging.getLogger(__name__)


class _Work(NamedTuple):
    """How long a connection has worked, as of when.

    `cpu_s` is what its backend has used since it started, None if unknown.
    """

    seconds: float
    as_of: float
    cpu_s: float | None = None


class StatementWatch:
    """The watch of one process. `begin` and `end` surround the use of a connection, by its key."""

    def __init__(self, engine: AsyncEngine, limit_s: float, *, is_pooled: bool = False) -> None:
        self._engine, self.limit_s, self._is_pooled = engine, limit_s, is_pooled
        self._active = backend.active_by_name() if is_pooled else backend.active()
        self._began: dict[BackendKey, float] = {}
        self._work: dict[BackendKey, _Work] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self.cancelled = 0
        """How many statements were cancelled, since the process started."""

    def key_of(self, driver: Any) -> BackendKey:
        """Get the key of a connection of asyncpg."""
        name: BackendKey = (
            driver.get_settings().application_name if self._is_pooled else driver.get_server_pid()
        )
        return name

    def begin(self, key: BackendKey) -> None:
        self._began[key] = monotonic()
        if self._timer is None:
            self._look_later()

    def end(self, key: BackendKey) -> float:
        """Get how many seconds of the use were no work; 0 for a short one."""
        began = self._began.pop(key, None)
        if not self._work or began is None:
            return 0.0
        work = self._work.pop(key, None)
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
        long = [key for key, began in self._began.items() if began <= before]
        if long and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look_with_patience(long))

    async def _look_with_patience(self, keys: list[BackendKey]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._look(keys)
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            logger.warning("long statements cannot be watched just now: %s", error)

    async def _look(self, keys: list[BackendKey]) -> None:
        async with self._engine.connect() as connection:
            found = (await connection.execute(self._active, {"keys": keys})).all()
            for key, pid, backend_start, started, waits_for in found:
                seconds = self._count(key, waits_for, backend_cpu_s(pid, backend_start))
                if seconds >= self.limit_s - _UNSEEN_S and key in self._began:
                    await self._cancel(connection, pid, started)

    def _count(self, key: BackendKey, waits_for: str | None, cpu_s: float | None) -> float:
        """Add the connection's work since the last look; gives its sum.

        `waits_for` is the type of PostgreSQL's wait event.
        """
        now, began = monotonic(), self._began.get(key)
        if began is None:
            return 0.0
        last = self._work.get(key, _Work(0.0, now - _LOOK_EVERY_S))
        passed_s = now - max(last.as_of, began)
        worked_s = passed_s if waits_for in {None, "IO"} else 0.0
        if waits_for != "IO" and cpu_s is not None and last.cpu_s is not None:
            worked_s = min(passed_s, cpu_s - last.cpu_s)
        self._work[key] = _Work(last.seconds + worked_s, now, cpu_s)
        return self._work[key].seconds

    async def _cancel(self, connection: AsyncConnection, pid: int, started: datetime) -> None:
        parameters = {"pid": pid, "started": started}
        await connection.execute(_CANCEL, parameters)
        self.cancelled += 1
        logger.warning("a statement that worked for too long was cancelled", extra={"backend": pid})
