"""psycopg's connections keep what is prepared after reads, and are tested after a pause only."""

import pytest
from psycopg import Connection as DriverConnection
from sqlalchemy import text

from db import pooled_psycopg
from db.errors import DatabaseError
from db.session import SyncDatabase

_COUNTED = text("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 7411'")
_PREPARED_AFTER = 6  # executions


@pytest.fixture
def database(settings):
    found = SyncDatabase(settings, application_name="test-kept-connections")
    yield found
    found.close()


def test_statements_stay_prepared_after_reads(database):
    for _ in range(_PREPARED_AFTER):
        with database.read() as connection:
            connection.execute(text("SELECT 7411"))
    with database.read() as connection:
        assert connection.execute(_COUNTED).scalar_one() == 1


def test_what_a_read_writes_is_rolled_back_also_after_a_failure(database):
    with pytest.raises(Exception, match="zero"), database.read() as connection:
        connection.execute(text("CREATE TABLE forgotten AS SELECT 1 / 0"))
    with database.read() as connection:
        connection.execute(text("CREATE TABLE forgotten (number int)"))
    with database.read() as connection:
        assert connection.execute(text("SELECT to_regclass('forgotten')")).scalar_one() is None


def end_connection(database, settings) -> None:
    with database.read() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with DriverConnection.connect(settings.database_url.get_secret_value()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def test_a_connection_that_was_lost_is_replaced_after_a_pause(database, settings, monkeypatch):
    end_connection(database, settings)
    monkeypatch.setattr(pooled_psycopg, "SURE_S", 0.0)
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_right_after_its_use_a_lost_connection_fails_once(database, settings):
    end_connection(database, settings)
    with pytest.raises(DatabaseError), database.read() as connection:
        connection.execute(text("SELECT 1"))
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
