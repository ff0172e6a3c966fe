"""Looks at PostgreSQL's own list of connections every few milliseconds, from a process of its own.

`python -m tests.load.pool_watch URL APPLICATION` looks until its standard input ends, then writes
what it saw: for each look the time, how many connections the application has, and how many of these
run a statement.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from statistics import median

import psycopg

_ROOT = Path(__file__).parents[2]
EVERY_S = 0.003
_QUERY = """
    SELECT count(*), count(*) FILTER (WHERE state = 'active')
      FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
"""


@dataclass
class Seen:
    """What was seen; empty until the watch ends. Times in seconds."""

    looks: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def most(self) -> int:
        """The most connections at once."""
        return max(total for _, total, _ in self.looks)

    @property
    def most_active(self) -> int:
        """The most that ran a statement at once."""
        return max(active for _, _, active in self.looks)

    def __str__(self) -> str:
        every_ms = 1000 * median(
            later[0] - earlier[0]
            for earlier, later in zip(self.looks, self.looks[1:], strict=False)
        )
        return (
            f"pg_stat_activity, {len(self.looks)} looks, one each {every_ms:.1f} ms: "
            f"at most {self.most} connections, {self.most_active} active"
        )


@contextmanager
def watched(database_url: str, application: str) -> Iterator[Seen]:
    """Watch the application's connections during the block; `Seen` is filled at its end."""
    seen = Seen()
    command = [sys.executable, "-m", "tests.load.pool_watch", database_url, application]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()  # it looks
        try:
            yield seen
        finally:
            out, _ = process.communicate()
        seen.looks = [tuple(look) for look in json.loads(out)]


def _watch(url: str, application: str) -> list[tuple[float, int, int]]:
    looks = []
    with psycopg.connect(url, autocommit=True) as connection:
        sys.stdout.write("looking\n")
        sys.stdout.flush()
        while not select([sys.stdin], [], [], EVERY_S)[0]:
            total, active = connection.execute(_QUERY, [application]).fetchone()
            looks.append((time.monotonic(), total, active))
    return looks


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_watch(*sys.argv[1:])))
