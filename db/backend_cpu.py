"""CPU time of PostgreSQL's backends, where they are processes of this machine.

PostgreSQL does not tell how much CPU a statement took, and on a busy machine a statement waits for
a core for most of its time. Linux tells it for every process: in `stat` by ticks, and by a clock to
the nanosecond.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_PROCESSES = Path("/proc")
_MOST_APART_S = 2.0
"""Seconds between a process's start and the one that PostgreSQL tells: a backend begins as a fork.
"""
_UTIME, _STIME, _STARTED = 11, 12, 19  # places behind a process's name in `stat`, see proc(5)


_CLOCK = 2
"""The clock of a process's CPU, as clock_getcpuclockid(3) numbers it."""
_KEY = "backend_clock"


class BackendClock:
    """The CPU clock of the backend of one connection. It costs a microsecond to read."""

    def __init__(self, pid: int | None) -> None:
        """Read the clock of the process `pid`; None: it is not known."""
        self._clock = None if pid is None else (~pid << 3) | _CLOCK

    def ms(self) -> float | None:
        """Get the milliseconds of CPU that the backend has used. None: not known."""
        if self._clock is None:
            return None
        try:
            return 1000 * time.clock_gettime(self._clock)
        except OSError:
            return None  # it ended

    def since(self, before_ms: float | None) -> float | None:
        """Get the milliseconds of CPU since it told `before_ms`. None: not known."""
        if before_ms is None or (now_ms := self.ms()) is None:
            return None
        return now_ms - before_ms


def know_backends(engine: AsyncEngine) -> None:
    """Find the clock of each new connection's backend, for `clock_of`."""

    @event.listens_for(engine.sync_engine, "connect")
    def find(connection: Any, record: Any) -> None:
        pid = connection.driver_connection.get_server_pid()
        # it has just started; a pooler tells numbers of its own
        is_here = backend_cpu_s(pid, datetime.now(UTC)) is not None
        record.info[_KEY] = BackendClock(pid if is_here else None)


def clock_of(connection: AsyncConnection) -> BackendClock:
    """Get the clock of a connection's backend."""
    found: BackendClock = connection.info[_KEY]
    return found


def backend_cpu_s(pid: int, backend_start: datetime) -> float | None:
    """Get the CPU seconds that a backend has used since it started.

    None if no process here is known to be that backend: on another machine, in another container,
    or where the system does not tell.
    """
    try:
        name, _, rest = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")
        values, ticks = rest.split(), os.sysconf("SC_CLK_TCK")
        started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        started += int(values[_STARTED]) / ticks
        if not name.endswith("(postgres") or (
            abs(backend_start.timestamp() - started) > _MOST_APART_S
        ):
            return None
        return (int(values[_UTIME]) + int(values[_STIME])) / ticks
    except (OSError, AttributeError, ValueError, IndexError):
        return None
