"""Migrations by the rules of squawk: none holds up those who work meanwhile.

New ones are run, and their statements checked as they reached PostgreSQL. `CHECKED_FROM` is the
first of them. What a rule does not know stands in `AGREED`, with its reason.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event

from operator_commands.migrations import downgrade, upgrade
from operator_commands.revisions import SCRIPTS

CHECKED_FROM = "0042"
LEFT_OUT = (
    "ban-drop-constraint",  # one that allows more takes its place
    "prefer-robust-stmts",  # a migration is one transaction
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-text-field",
    "require-statement-timeout",  # it may take long, where it holds up nobody
    "require-lock-timeout",  # alembic/env.py sets it; see the last test
)
_FOUND = re.compile(r": (?:warning|error): ([a-z-]+).*")
AGREED = {
    # A look at each row of `originals`, whose contents stand elsewhere.
    "0047": {"constraint-missing-not-valid"},
    # Of small tables: a few rows an athlete.
    "0048": {"adding-serial-primary-key-field", "constraint-missing-not-valid"},
    "0049": {"constraint-missing-not-valid"},
    # A function of triggers alone, which have another now.
    "0056": {"ban-drop-function"},
}
"""Rules that a migration does not keep, by its revision."""


def lint(sql: str, folder: Path) -> dict[str, str]:
    """The rules that statements break, each with what is said of it."""
    file = folder / "migration.sql"
    file.write_text(sql)
    command = [Path(sys.executable).with_name("squawk"), "--pg-version=16", "--reporter=gcc"]
    command += [f"--exclude={rule}" for rule in LEFT_OUT]
    told = subprocess.run([*command, file], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode in {0, 1}, told.stderr
    found = [_FOUND.search(line) for line in told.stdout.splitlines()]
    return {each[1]: each[0] for each in found if each}


@contextmanager
def statements_run() -> Iterator[list[str]]:
    """What migrations run meanwhile, with where their transactions begin and end."""
    seen: list[str] = []
    is_open = False

    def begin(connection: Connection) -> None:
        nonlocal is_open
        if not connection.connection.dbapi_connection.autocommit:
            is_open = True
            seen.append("BEGIN")

    def execute(_, __, statement: str, *___: object) -> None:
        if statement.split(None, 1)[0].upper() in {"ALTER", "CREATE", "DROP"}:
            seen.append(statement)

    def end(_: Connection) -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            seen.append("COMMIT")

    listeners = {"begin": begin, "before_cursor_execute": execute, "commit": end, "rollback": end}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def checked() -> list[str]:
    every = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()]
    return sorted(each for each in every if each >= CHECKED_FROM)


def test_new_migrations_hold_up_nobody(settings, tmp_path):
    downgrade(settings, f"{int(CHECKED_FROM) - 1:04}")
    broken = {}
    for revision in checked():
        with statements_run() as seen:
            upgrade(settings, revision)
        found = lint(";\n".join(seen) + ";\n", tmp_path)
        if wrong := {
            rule: said for rule, said in found.items() if rule not in AGREED.get(revision, ())
        }:
            broken[revision] = wrong
    assert broken == {}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (
            "SET lock_timeout = '1s'; CREATE INDEX i ON jobs (id);",
            "require-concurrent-index-creation",
        ),
        (
            "SET lock_timeout = '1s'; ALTER TABLE jobs ALTER COLUMN id TYPE text;",
            "changing-column-type",
        ),
        (
            "SET lock_timeout = '1s'; ALTER TABLE jobs ADD CONSTRAINT c CHECK (id > 0);",
            "constraint-missing-not-valid",
        ),
    ],
)
def test_the_linter_finds_what_does(tmp_path, sql, rule):
    assert any(rule in each for each in lint(sql, tmp_path))


@pytest.mark.whole
def test_a_migration_that_waits_for_a_lock_lets_others_pass(settings, database_url):
    """It gives the lock's place in the queue up after a second, and tries again."""
    downgrade(settings, "0044")
    migration = threading.Thread(target=upgrade, args=(settings,))
    with (
        psycopg.connect(database_url) as reader,
        psycopg.connect(database_url, autocommit=True) as other,
    ):
        reader.execute("SELECT FROM personal_bests")  # its transaction goes on
        migration.start()
        longest_s, until_s = 0.0, time.monotonic() + 3
        while time.monotonic() < until_s:
            began = time.monotonic()
            other.execute("SELECT FROM personal_bests")
            longest_s = max(longest_s, time.monotonic() - began)
            time.sleep(0.01)
        assert migration.is_alive(), "it waits"
        assert 0.1 < longest_s < 2.5
    migration.join(30)
    assert not migration.is_alive()
