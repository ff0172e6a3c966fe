"""Transactions of long commands: what is repeated, how often, and what a read shows."""

from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from db import transaction_runner
from db.errors import DatabaseUnavailable, TransactionConflict
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner, pause_s
from tests import factories as make
from tests.lost_connections import COMMIT, connections_ended, once_each

COUNT = text("SELECT count(*) FROM athletes")


@pytest.fixture
def runner(settings):
    database = SyncDatabase(settings, application_name="pacegraph-test")
    yield TransactionRunner(database)
    database.close()


def test_what_was_lost_before_its_commit_is_written_once(runner, database_url, db):
    with connections_ended(database_url, once_each("INSERT", COMMIT)) as ended:
        result = runner.write(make.create_athlete)
    assert len(ended) == 2
    assert db.execute(text("SELECT id FROM athletes")).scalars().all() == [result]


def test_a_read_shows_one_snapshot(runner, db):
    def count_twice(connection):
        before = connection.execute(COUNT).scalar_one()
        make.create_athlete(db)
        return before, connection.execute(COUNT).scalar_one()

    assert runner.read(count_twice) == (0, 0)
    assert runner.write(lambda connection: connection.execute(COUNT).scalar_one()) == 1


@pytest.mark.parametrize(
    ("sqlstate", "raised", "attempts"),
    [
        ("23505", IntegrityError, 3),
        ("57P01", DatabaseUnavailable, 4),
        ("40P01", TransactionConflict, 4),
        ("42P01", ProgrammingError, 1),
    ],
)
def test_it_gives_up(runner, monkeypatch, sqlstate, raised, attempts):
    monkeypatch.setattr(transaction_runner, "ATTEMPTS", 4)
    made = []

    def fail(connection):
        made.append(connection)
        connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{sqlstate}'; END $$")
        )

    with pytest.raises(raised):
        runner.write(fail)
    assert len(made) == attempts


def test_pauses_grow_and_lock_requests_let_others_through():
    lost = DatabaseUnavailable("gone")
    assert [pause_s(lost, attempt) for attempt in (1, 2, 3, 4, 5, 30)] == [
        *(0.1, 0.2, 0.4, 0.8),
        *(1, 1),
    ]
    assert pause_s(TransactionConflict("55P03"), 1) == 1
    assert pause_s(TransactionConflict("40001"), 9) == 0.1


def test_a_connection_that_cannot_be_made_again_is_waited_for(
    runner, database_url, postgres_url, monkeypatch
):
    """As in a restart: the database takes no connections for a moment."""
    runner.read(lambda connection: connection.execute(COUNT).scalar_one())
    name = urlsplit(database_url).path.lstrip("/")
    failures = []

    def count(connection):
        if not failures:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            pid = connection.connection.driver_connection.info.backend_pid
            admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        return connection.execute(COUNT).scalar_one()

    def open_after_three(error, _attempt):
        failures.append(error)
        if len(failures) == 3:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        return 0

    monkeypatch.setattr(transaction_runner, "pause_s", open_after_three)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        assert runner.read(count) == 0
    assert len(failures) == 3
