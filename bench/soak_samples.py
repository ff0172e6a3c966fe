"""What `bench.soak` looks at: memory, files, connections, keys and tables, and whether they are flat."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import psycopg
from redis import Redis

from local.postgres import running_postgres
from local.redis import running_redis

PARTS = {
    "API": "cli api",
    "workers": "cli worker",
    "Strava": "simulate-strava",
    "Redis": "redis-server",
    "PostgreSQL": "bin/postgres",
}
_SIZES = """
    SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint,
        coalesce(sum(n_live_tup), 0)::bigint, coalesce(sum(n_dead_tup), 0)::bigint
    FROM pg_stat_user_tables WHERE relname = ANY(%s)
"""
_HOT = ["activities", "best_efforts", "personal_bests", "athletes", "activity_streams"]
"""Tables whose rows are changed over and over while hardly any come."""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
_FLAT = {"MB": (1.1, 10.0), "files": (1.1, 10.0), "": (1.2, 50.0)}
"""By unit: the most that the end may be of the middle, and a difference that does not count."""


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the run."""

    name: str
    unit: str
    values: list[float]

    @property
    def middle(self) -> float:
        third = max(1, len(self.values) // 3)
        return median(self.values[third : 2 * third] or self.values)

    @property
    def end(self) -> float:
        return median(self.values[-max(1, len(self.values) // 3) :])

    @property
    def is_flat(self) -> bool:
        """Whether the last third is as the second one. The first one warms up."""
        ratio, little = _FLAT[self.unit]
        return self.end <= max(ratio * self.middle, self.middle + little)


class Samples:
    """Takes samples of a `pacegraph run`."""

    def __init__(self, pid: int, home: Path) -> None:
        self._pid, self._home = pid, home
        self._found: dict[tuple[str, str], list[float]] = {}

    @property
    def series(self) -> list[Series]:
        return [Series(name, unit, values) for (name, unit), values in self._found.items()]

    def take(self) -> None:
        """Take one of each. What is away just now is left out."""
        for part, top in children(self._pid).items():
            self._take_process(part, top)
        if (url := running_redis(self._home)) is not None:
            with Redis.from_url(url) as redis:
                self._note("keys in Redis", "", redis.dbsize())
        if (url := running_postgres(self._home)) is not None:
            try:
                with psycopg.connect(url, connect_timeout=2, application_name="soak") as connection:
                    self._take_rows(connection)
            except psycopg.OperationalError:
                pass

    def _take_process(self, part: str, top: psutil.Process) -> None:
        """Note the memory of a part, without what its processes share, and its open files."""
        try:
            below = [top, *top.children(recursive=True)]
            memory = sum(each.memory_full_info().uss for each in below)
            files = sum(each.num_fds() for each in below)
        except psutil.Error:
            return  # a process of a job ended
        self._note(f"{part}: memory", "MB", memory / 2**20)
        self._note(f"{part}: open files", "files", files)

    def _take_rows(self, connection: psycopg.Connection) -> None:
        found = connection.execute(_CONNECTIONS).fetchone()
        assert found is not None
        self._note("connections to PostgreSQL", "files", found[0])
        found = connection.execute(_SIZES, [_HOT]).fetchone()
        assert found is not None
        self._note("tables that are written over", "MB", found[0] / 2**20)
        self._note("dead rows there for each 1000 live", "", 1000 * found[2] / max(1, found[1]))

    def _note(self, name: str, unit: str, value: float) -> None:
        self._found.setdefault((name, unit), []).append(value)


def children(pid: int) -> dict[str, psutil.Process]:
    """Find the children of `pacegraph run` by the names of PARTS. Those that just died are left out."""
    found = {}
    for supervisor in psutil.Process(pid).children():
        for child in supervisor.children():
            try:
                command = " ".join(child.cmdline())
            except psutil.Error:
                continue
            found |= {part: child for part, text in PARTS.items() if text in command}
    return found
