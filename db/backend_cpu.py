"""CPU time of PostgreSQL's backends, where they are processes of this machine.

PostgreSQL does not tell how much CPU a statement took, and on a busy machine a statement waits for
a core for most of its time. Linux tells it for every process.
"""

import os
import time
from datetime import datetime
from pathlib import Path

_PROCESSES = Path("/proc")
_MOST_APART_S = 2.0
"""Seconds between a process's start and the one that PostgreSQL tells: a backend begins as a fork.
"""
_UTIME, _STIME, _STARTED = 11, 12, 19  # places behind a process's name in `stat`, see proc(5)


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
