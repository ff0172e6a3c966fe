"""Seconds of CPU of processes, finer than the clock tick where Linux tells it.

`psutil` tells ticks of 10 ms, so a request of 1 ms cannot be told from none.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_PROCESS_CLOCK = 2
"""The clock of a process's CPU, as clock_getcpuclockid(3) numbers it in Linux."""
_LATER = ("autovacuum", "checkpointer", "background writer", "walwriter", "archiver", "logical")
"""Processes of PostgreSQL that work later, for all that was written."""


class CpuClock:
    """Adds up the CPU of processes. What a process used remains when it ends."""

    def __init__(self) -> None:
        self._used_s: dict[tuple[int, float], float] = {}

    def total_s(self, processes: Iterable[psutil.Process]) -> float:
        """Get the seconds of these processes and of all that were given before."""
        for each in processes:
            try:
                key = (each.pid, each.create_time())
                self._used_s[key] = max(self._used_s.get(key, 0.0), _used_s(each))
            except psutil.Error:
                continue  # it ended: what it used last is known
        return sum(self._used_s.values())


def database_processes(pgdata: str) -> list[psutil.Process]:
    """Find the processes of PostgreSQL that work for a request at once."""
    pid = int((Path(pgdata) / "postmaster.pid").read_text().split("\n", 1)[0])
    server = psutil.Process(pid)
    return [server, *(each for each in server.children() if not _works_later(each))]


def _works_later(process: psutil.Process) -> bool:
    try:
        title = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return title.removeprefix("postgres: ").startswith(_LATER)


def _used_s(process: psutil.Process) -> float:
    try:
        return time.clock_gettime((~process.pid << 3) | _PROCESS_CLOCK)
    except OSError:  # not Linux, or it ended
        times = process.cpu_times()
        return float(times.user + times.system)
