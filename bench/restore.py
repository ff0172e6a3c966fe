"""Measure `pacegraph restore` against PostgreSQL's own restore of the same rows.

`python -m bench.restore [--activities 1000000] [--rounds 3]`. Both restore into an empty database
of one PostgreSQL, in turn; the shortest round of each counts. Its data are in a temporary folder,
in `--folder` where that has too little room: ten times the rows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.serving import print_table
from local.bench_serve import DEFAULT_ACTIVITIES, load_rows
from local.generated_secrets import new_encryption_key
from local.postgres import DATABASE, programs_folder, start_postgres
from operator_commands.backups.backup import back_up
from operator_commands.backups.postgres_programs import PostgresPrograms
from operator_commands.backups.restore import Restore
from operator_commands.migrations import upgrade
from settings import Settings, load_settings

MOST = 1.5
JOBS = 2


class Databases:
    """The databases of one server, each by name."""

    def __init__(self, url: str, home: Path) -> None:
        self._url, self._home = url, home
        self._key = new_encryption_key()

    def settings(self, name: str) -> Settings:
        given = {"database_url": self.url(name), "token_encryption_keys": self._key}
        return load_settings(None, pacegraph_home=self._home, **given)

    def url(self, name: str) -> str:
        return self._url.replace(f"@/{DATABASE}", f"@/{name}")

    def empty(self, name: str) -> Settings:
        """Make an empty database, in the place of one of that name."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")  # type: ignore[call-overload]
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
            connection.execute("CHECKPOINT")
        return self.settings(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activities", type=int, default=DEFAULT_ACTIVITIES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        home = Path(folder)
        service = start_postgres(home)
        try:
            return _measure(Databases(service.url, home), options.activities, options.rounds)
        finally:
            service.stop()


def _measure(databases: Databases, activities: int, rounds: int) -> int:
    programs = programs_folder() / "bin"
    source = databases.settings(DATABASE)
    upgrade(source)
    load_rows(databases.url(DATABASE), activities)
    to = source.pacegraph_home / "backup"
    backup_s = _seconds(lambda: back_up(source, to, programs=programs, jobs=JOBS))
    dump = source.pacegraph_home / "dump"
    PostgresPrograms(programs, source).connect(
        "pg_dump", ["--format=directory", f"--file={dump}", f"--jobs={JOBS}"], lambda _: None
    )
    times = [(_own(databases, dump), _ours(databases, to)) for _ in range(rounds)]
    own, ours = zip(*times, strict=True)
    ratio = min(ours) / min(own)
    print_table(
        ["activities", "backup, s", "pg_restore, s", "pacegraph restore, s", f"ratio (≤ {MOST})"],
        [
            (
                activities,
                *(f"{each:.1f}" for each in (backup_s, min(own), min(ours))),
                f"{ratio:.2f}",
            )
        ],
    )
    return int(ratio > MOST)


def _own(databases: Databases, source: Path) -> float:
    """Restore a dump of pg_dump by pg_restore; gives the seconds."""
    target = databases.empty("own")
    options = ["--exit-on-error", "--no-owner", "--no-privileges", f"--jobs={JOBS}"]
    arguments = [*options, str(source)]
    programs = PostgresPrograms(programs_folder() / "bin", target)
    return _seconds(lambda: programs.connect("pg_restore", arguments, lambda _: None))


def _ours(databases: Databases, source: Path) -> float:
    """Restore by `pacegraph restore`; gives the seconds."""
    programs = programs_folder() / "bin"
    wanted = Restore(databases.empty("ours"), source, programs=programs, jobs=JOBS)
    return _seconds(lambda: wanted.run(replaces=False, forgets_connections=False))


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
