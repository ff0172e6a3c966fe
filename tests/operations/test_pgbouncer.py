"""All that differs behind PgBouncer in transaction mode, with Debian's PgBouncer."""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from db.errors import StatementTimeout
from db.session import AsyncDatabase, SyncDatabase
from operator_commands.doctor import diagnose
from operator_commands.migrations import upgrade
from settings import InvalidSettings, Settings
from tests.operations.pgbouncer import CONNECTIONS, pgbouncer, pooled, pooled_by, pooler
from tests.operations.programs import ROOT, free_port

pytestmark = [pytest.mark.operations, pytest.mark.anyio]

__all__ = ["pooled", "pooled_by", "pooler"]

CLIENTS = 40
ENDLESS = "SELECT count(*)::text FROM generate_series(1, 10000000000) n WHERE n % 7 = 3"
SAMPLE = (
    "tests/db/test_session.py::test_write_commits_at_the_end",
    "tests/db/test_session.py::test_write_rolls_back_when_the_block_raises",
    "tests/db/test_snapshot.py",
    "tests/db/test_exact_days.py",
    "tests/graph/test_mutation.py",
    "tests/graph/commands/test_job.py",
    "tests/web/protocols/test_athlete_changed.py",
)
ALL = (
    *SAMPLE,
    "tests/graph/commands/test_activity.py",
    "tests/graph/plan/test_differential.py",
    "tests/web/protocols/test_answers_in_parts.py",
    "tests/jobs/test_strava_sync.py",
)
"""Queries by both ways, mutations, subscriptions, answers in parts and syncs."""
WITHIN_S = {SAMPLE: 900, ALL: 3600}
"""For a busy machine."""
LEAST_TRANSACTIONS = 2
"""Of each test of a file, at the mean. The least measured were 3 (`test_exact_days.py`), the most 701;
a file whose tests go past it makes none."""


@pytest.fixture
def behind(settings, pooled):
    return type(settings).model_validate({**settings.model_dump(exclude_unset=True), **pooled})


def with_url(settings: Settings, url: str) -> Settings:
    given = settings.model_dump(exclude_unset=True) | {"database_url": url}
    return type(settings).model_validate(given)


@pytest.mark.parametrize("files", [SAMPLE, pytest.param(ALL, marks=pytest.mark.whole)], ids=len)
def test_our_own_tests_pass_through_it(files):
    command = [sys.executable, "-m", "pytest", "-qs", "-n", "0", "-p", "tests.operations.pgbouncer"]
    ran = subprocess.run(
        [*command, "--durations=10", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S[files],
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    told = re.findall(r"(\d+) tests of (\S+): (\d+) transactions", ran.stdout)
    sys.stdout.write(f"{ran.stdout.splitlines()[-1]}, {told}\n")
    of_each = {name: int(made) / int(tests) for tests, name, made in told}
    assert of_each.keys() == {Path(each.partition("::")[0]).name for each in files}
    assert min(of_each.values()) >= LEAST_TRANSACTIONS, of_each


async def test_many_clients_share_few_connections(behind, db):
    database = AsyncDatabase(
        behind.model_copy(update={"database_pool_size": CLIENTS}), application_name="test"
    )

    async def ask(number: int) -> None:
        for each in range(10):
            row = await database.fetch_row("SELECT $1::int + $2::int", (number, each))
            assert row[0] == number + each
            await database.writing(
                lambda c: c.execute(text("INSERT INTO feedback (message) VALUES ('kept')"))
            )

    try:
        await asyncio.gather(*(ask(number) for number in range(CLIENTS)))
    finally:
        await database.close()
    count = "SELECT count(*) FROM feedback"
    assert db.exec_driver_sql(count).scalar_one() == 10 * CLIENTS
    backends = db.exec_driver_sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    ).scalar_one()
    assert backends <= CONNECTIONS + 1
    assert database.retry_policy.retries == 0


async def test_a_statement_that_works_for_too_long_is_found_and_cancelled(behind):
    limit = {"operation_database_time_s": 0.6}
    database = AsyncDatabase(behind.model_copy(update=limit), application_name="test")
    others = [database.fetch_row("SELECT pg_sleep(1.5)", ()) for _ in range(3)]
    try:
        ended = await asyncio.gather(
            database.fetch_row(ENDLESS, ()),
            database.writing(lambda each: each.execute(text(ENDLESS))),
            *others,
            return_exceptions=True,
        )
    finally:
        await database.close()
    assert Counter(map(type, ended))[StatementTimeout] == 2, ended
    assert not isinstance(ended[-1], Exception)
    assert database.watch.cancelled == 2


async def test_connections_that_it_ended_are_not_used(behind, database_url, postgres_url, tmp_path):
    """Ended for idleness, by either side, and by its own restart."""
    port, name = free_port(), make_url(database_url).database
    ends = {"client_idle_timeout": 1, "server_idle_timeout": 1, "server_lifetime": 1}
    with pgbouncer(postgres_url, tmp_path, port=port, **ends) as url:
        settings = with_url(behind, url + name)
        database = AsyncDatabase(settings, application_name="test")
        jobs = SyncDatabase(settings, application_name="test")
        for _ in range(3):
            await _use(database, jobs)
            await asyncio.sleep(1.6)
    try:
        with pgbouncer(postgres_url, tmp_path, port=port, **ends):
            await asyncio.sleep(1.1)  # jobs take a connection to be there for a second
            await _use(database, jobs)
    finally:
        await database.close()
        jobs.close()


async def _use(database: AsyncDatabase, jobs: SyncDatabase) -> None:
    rows = await asyncio.gather(*(database.fetch_row("SELECT $1::int", (n,)) for n in range(5)))
    assert [row[0] for row in rows] == list(range(5))
    assert await database.reading(lambda c: c.scalar(text("SELECT 1"))) == 1
    with jobs.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_jobs_read_times_in_utc(behind):
    database = SyncDatabase(behind, application_name="test")
    try:
        for _ in range(3):
            with database.read() as connection:
                assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    finally:
        database.close()


def test_doctor_tells_what_is_missing(behind, db, capsys):
    def told(**changes: object) -> str:
        diagnose(behind.model_copy(update=changes))
        [line] = [each for each in capsys.readouterr().out.splitlines() if " PostgreSQL: " in each]
        return line

    assert "set DATABASE_POOLER=transaction" in told(database_pooler="none")
    no_limits = {"database_statement_timeout_ms": 0, "database_idle_transaction_timeout_ms": 0}
    assert "DATABASE_DIRECT_URL: is not set" in told(database_direct_url=None)
    assert "ALTER ROLE postgres SET statement_timeout = 30000" in told()
    assert told(**no_limits).endswith("answers through a pooler")
    held = behind.database_statement_timeout_ms, behind.database_idle_transaction_timeout_ms
    name = db.exec_driver_sql("SELECT current_database()").scalar_one()
    for limit, value in zip(
        ("statement_timeout", "idle_in_transaction_session_timeout"), held, strict=True
    ):
        db.exec_driver_sql(f"ALTER ROLE postgres IN DATABASE {name} SET {limit} = {value}")
    db.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert told().startswith("OK ")


def test_what_needs_a_connection_of_its_own_goes_past_it_or_is_refused(behind):
    with pytest.raises(InvalidSettings, match="DATABASE_DIRECT_URL: is not set"):
        upgrade(behind.model_copy(update={"database_direct_url": None}))
    upgrade(behind)
