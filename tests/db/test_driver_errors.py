"""What PostgreSQL's own errors become, with both drivers, and which are tried again."""

import asyncio
import threading

import asyncpg
import pytest
from sqlalchemy import text

from db.driver_errors import translate
from db.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    StatementOutdated,
    StatementTimeout,
    TransactionConflict,
)
from db.session import AsyncDatabase, SyncDatabase
from tests import factories as make

pytestmark = pytest.mark.anyio

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'made for a test' USING ERRCODE = '{}'; END $$"

STATES = {
    "40001": (TransactionConflict, "DATABASE_BUSY"),
    "40P01": (TransactionConflict, "DATABASE_BUSY"),
    "40002": (TransactionConflict, "DATABASE_BUSY"),
    "40003": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "25006": (DatabaseReadOnly, "DATABASE_UNAVAILABLE"),
    "25P03": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "26000": (StatementOutdated, "DATABASE_UNAVAILABLE"),
    "42P05": (StatementOutdated, "DATABASE_UNAVAILABLE"),
    "55P03": (TransactionConflict, "DATABASE_BUSY"),
    "57014": (StatementTimeout, "TIMEOUT"),
    "57P01": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "57P02": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "57P03": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "57P05": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "53300": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
    "08006": (DatabaseUnavailable, "DATABASE_UNAVAILABLE"),
}


@pytest.fixture
async def database(settings):
    made = AsyncDatabase(settings, application_name="test")
    yield made
    await made.close()


@pytest.fixture
def sync_database(settings):
    made = SyncDatabase(settings, application_name="test")
    yield made
    made.close()


@pytest.mark.parametrize("sqlstate", STATES)
async def test_each_state_has_its_error_with_asyncpg(database, sqlstate):
    expected, code = STATES[sqlstate]
    with pytest.raises(DatabaseError) as caught:
        async with database.read() as connection:
            await connection.execute(text(RAISE.format(sqlstate)))
    assert (type(caught.value), caught.value.code) == (expected, code)


@pytest.mark.parametrize("sqlstate", STATES)
async def test_each_state_has_its_error_past_sqlalchemy(database, sqlstate):
    expected, code = STATES[sqlstate]
    with pytest.raises(DatabaseError) as caught:
        await database.fetch_row(RAISE.format(sqlstate), ())
    assert (type(caught.value), caught.value.code) == (expected, code)


@pytest.mark.parametrize("sqlstate", STATES)
def test_each_state_has_its_error_with_psycopg(sync_database, sqlstate):
    expected, code = STATES[sqlstate]
    with pytest.raises(DatabaseError) as caught, sync_database.read() as connection:
        connection.execute(text(RAISE.format(sqlstate)))
    assert (type(caught.value), caught.value.code) == (expected, code)


@pytest.mark.parametrize("sqlstate", ["22012", "23505", "0A000", "25P02", "42P01"])
async def test_what_is_our_own_fault_stays_what_it_is(database, sqlstate):
    with pytest.raises(Exception, match="made for a test") as caught:
        async with database.read() as connection:
            await connection.execute(text(RAISE.format(sqlstate)))
    assert not isinstance(caught.value, DatabaseError)


async def test_an_error_of_the_block_is_not_the_databases(database):
    failure = ValueError("mine")
    failure.__cause__ = ConnectionResetError()
    with pytest.raises(ValueError, match="mine"):
        async with database.read():
            raise failure
    assert translate(failure) is None


async def test_a_result_type_that_changed_is_read_anew(database, db):
    async def columns(connection):
        result = await connection.execute(text("SELECT * FROM changing"))
        return [tuple(each) for each in result]

    db.execute(text("CREATE TABLE changing AS SELECT 1 AS n"))
    assert await database.reading(columns) == [(1,)]
    db.execute(text("ALTER TABLE changing ALTER n TYPE text, ADD more integer DEFAULT 2"))
    assert await database.reading(columns) == [("1", 2)]


async def test_a_result_type_that_changed_is_outdated_where_nothing_is_tried_again(database, db):
    db.execute(text("CREATE TABLE changing AS SELECT 1 AS n"))
    async with database.read() as connection:
        await connection.execute(text("SELECT * FROM changing"))
    db.execute(text("ALTER TABLE changing ALTER n TYPE text"))
    with pytest.raises(StatementOutdated):
        async with database.read() as connection:
            await connection.execute(text("SELECT * FROM changing"))


def test_a_result_type_that_changed_is_outdated_with_psycopg(sync_database, db):
    db.execute(text("CREATE TABLE changing AS SELECT 1 AS n"))

    def run_changing() -> None:
        with sync_database.read() as connection:
            driver = connection.connection.driver_connection
            driver.execute("SELECT * FROM changing", prepare=True)
            driver.commit()
            db.execute(text("ALTER TABLE changing ALTER n TYPE text"))
            driver.execute("SELECT * FROM changing", prepare=True)

    with pytest.raises(StatementOutdated):
        run_changing()


async def test_two_writers_that_deadlock_are_both_written_once(database, db):
    first, second = make.create_athlete(db), make.create_athlete(db)
    met = asyncio.Barrier(2)
    tries = []

    def swapping(*athletes):
        async def work(connection):
            tries.append(athletes)
            for place, athlete in enumerate(athletes):
                await connection.execute(
                    text("UPDATE athletes SET city = coalesce(city, '') || 'x' WHERE id = :id"),
                    {"id": athlete},
                )
                if place == 0 and len(tries) <= 2:
                    await met.wait()

        return database.writing(work)

    await asyncio.gather(swapping(first, second), swapping(second, first))
    # The repeated one may meet the other before it has committed, and deadlock once more.
    assert 3 <= len(tries) <= 5
    assert database.retry_policy.retries == len(tries) - 2
    cities = db.execute(
        text("SELECT city FROM athletes WHERE id = any(:ids)"), {"ids": [first, second]}
    )
    assert [city[-3:] for city in cities.scalars()] == ["oxx", "oxx"]


async def test_a_transaction_is_not_done_twice_where_its_commit_was_lost(database, db):
    """The connection ends while it commits: nobody can tell whether it wrote."""
    db.execute(
        text(
            "CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
    )
    db.execute(
        text(
            "CREATE CONSTRAINT TRIGGER ended AFTER INSERT ON feedback DEFERRABLE "
            "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_it()"
        )
    )
    tries = []

    async def work(connection):
        tries.append(1)
        await connection.execute(text("INSERT INTO feedback (message) VALUES ('once')"))

    with pytest.raises(DatabaseUnavailable) as caught:
        await database.writing(work)
    assert caught.value.is_written is None
    assert len(tries) == 1


async def test_a_server_that_is_read_only_is_left_for_the_one_that_is_not(database, db):
    """As after a failover: what was connected before leads to a server that takes no writes."""
    name = db.execute(text("SELECT current_database()")).scalar()
    db.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
    db.execute(text("SET default_transaction_read_only = off"))
    db.execute(text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'))

    async def work(connection):
        await connection.execute(text("INSERT INTO feedback (message) VALUES ('kept')"))

    await database.writing(work)
    assert db.execute(text("SELECT count(*) FROM feedback")).scalar() == 1


async def test_a_server_that_stays_read_only_is_unavailable(database, db):
    name = db.execute(text("SELECT current_database()")).scalar()
    db.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    with pytest.raises(DatabaseReadOnly):
        await database.writing(
            lambda connection: connection.execute(
                text("INSERT INTO feedback (message) VALUES ('lost')")
            )
        )


async def test_reads_go_on_when_their_connections_are_ended(database, db):
    """Each is ended by the server, as by a restart, while others are at it."""
    stop = threading.Event()

    def end_connections():
        while not stop.wait(0.5):
            db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'test' AND datname = current_database()"
                )
            )

    async def select(connection):
        return (await connection.execute(text("SELECT pg_sleep(0.1), 7"))).one()[1]

    ending = threading.Thread(target=end_connections)
    ending.start()
    try:
        for _ in range(15):
            assert await database.reading(select) == 7
            assert (await database.fetch_row("SELECT 7 AS n", ()))["n"] == 7
    finally:
        stop.set()
        ending.join()
    assert database.retry_policy.retries > 0
    assert await database.reading(select) == 7


def test_a_connection_out_of_step_was_lost():
    """asyncpg says so where the server has just ended the connection."""
    error = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")  # fmt: skip
    assert isinstance(translate(error), DatabaseUnavailable)
