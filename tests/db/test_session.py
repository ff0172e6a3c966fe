"""Pools and transactions, of both drivers alike."""

import asyncio
import threading
import time

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from db import session
from db.errors import DatabaseBusy, DatabaseUnavailable, StatementTimeout
from db.session import AsyncDatabase, SyncDatabase
from tests import factories as make

SMALL = {"database_pool_size": 1, "database_max_overflow": 1, "database_pool_timeout_s": 0.3}


class Driver:
    """Both databases in one form: `run` does work on a connection within `read` or `write`, in an
    event loop or not.
    """

    def __init__(self, kind, settings):
        self.database = kind(settings, application_name="pacegraph-test")

    def run(self, *statements, way="read", hold_s=0.0, after=None):
        if isinstance(self.database, SyncDatabase):
            with getattr(self.database, way)() as connection:
                results = [connection.execute(text(each)) for each in statements]
                time.sleep(hold_s)
                if after:
                    raise after
                return results[-1].scalar() if results and results[-1].returns_rows else None
        return asyncio.run(self._run(statements, way, after))

    async def _run(self, statements, way, after):
        try:
            async with getattr(self.database, way)() as connection:
                results = [await connection.execute(text(each)) for each in statements]
                if after:
                    raise after
                return results[-1].scalar() if results and results[-1].returns_rows else None
        finally:
            await self.database.close()

    def close(self):
        if isinstance(self.database, SyncDatabase):
            self.database.close()


@pytest.fixture(params=[AsyncDatabase, SyncDatabase], ids=["async", "sync"])
def connect(request, settings):
    made = []

    def new(**changes):
        made.append(Driver(request.param, settings.model_copy(update=changes)))
        return made[-1]

    yield new
    for each in made:
        each.close()


INSERT = "INSERT INTO feedback (message) VALUES ('kept')"
COUNT = "SELECT count(*) FROM feedback"


def test_write_commits_at_the_end(connect):
    connect().run(INSERT, way="write")
    assert connect().run(COUNT) == 1


def test_write_rolls_back_when_the_block_raises(connect):
    with pytest.raises(KeyError):
        connect().run(INSERT, way="write", after=KeyError("mine"))
    assert connect().run(COUNT) == 0


def test_read_commits_nothing(connect):
    connect().run(INSERT)
    assert connect().run(COUNT) == 0


def test_sessions_tell_who_they_are_and_are_in_utc(connect):
    assert connect().run("SELECT current_setting('application_name')") == "pacegraph-test"
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pacegraph-test' AND state = 'active'"
    assert connect().run(query) == 1
    assert connect().run("SHOW timezone") == "UTC"


def test_a_statement_that_runs_too_long_is_cancelled(connect):
    started = time.monotonic()
    with pytest.raises(StatementTimeout, match="DATABASE_STATEMENT_TIMEOUT_MS"):
        connect(database_statement_timeout_ms=200).run("SELECT pg_sleep(20)")
    assert time.monotonic() - started < 15


def test_a_statement_timeout_of_zero_is_none(connect):
    assert connect(database_statement_timeout_ms=0).run("SHOW statement_timeout") == "0"


AWAY = {
    "no-such-database": "/absent?",
    "no-server": "/test?host=/nowhere&",
}


@pytest.mark.parametrize("part", AWAY.values(), ids=AWAY)
def test_a_database_that_is_away_is_unavailable(connect, settings, part):
    url = settings.database_url.get_secret_value()
    gone = url.split("@")[0] + "@" + part + (url.split("?")[1] if "nowhere" not in part else "")
    with pytest.raises(DatabaseUnavailable):
        connect(database_url=SecretStr(gone.rstrip("&"))).run("SELECT 1")


def test_a_connection_that_is_cut_in_the_middle_is_unavailable(connect):
    with pytest.raises(DatabaseUnavailable):
        connect().run("SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1")


def test_other_errors_stay_what_they_are(connect):
    with pytest.raises(Exception, match="absent") as caught:
        connect().run("SELECT * FROM absent")
    assert not isinstance(caught.value, DatabaseUnavailable | StatementTimeout | DatabaseBusy)


def test_an_exhausted_sync_pool_is_busy_after_the_timeout_and_counted(settings):
    database = SyncDatabase(settings.model_copy(update=SMALL), application_name="test")
    started = time.monotonic()
    busy = pytest.raises(DatabaseBusy, match=r"0\.3 s; raise DATABASE_POOL_SIZE")
    with database.read(), database.read(), busy, database.read():
        pass
    assert 0.25 < time.monotonic() - started < 15
    assert database.pool_timeouts == 1
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    database.close()


@pytest.mark.anyio
async def test_an_exhausted_async_pool_is_busy_after_the_timeout_and_counted(settings):
    database = AsyncDatabase(settings.model_copy(update=SMALL), application_name="test")

    async def hold():
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(1)"))

    results = await asyncio.gather(*(hold() for _ in range(5)), return_exceptions=True)
    assert (
        sorted(type(each).__name__ for each in results) == ["DatabaseBusy"] * 3 + ["NoneType"] * 2
    )
    assert database.pool_timeouts == 3
    await hold()
    await database.close()


def test_a_waiting_caller_gets_the_connection_that_comes_free(settings):
    database = SyncDatabase(
        settings.model_copy(update=SMALL | {"database_pool_timeout_s": 10}), application_name="test"
    )
    free = threading.Event()

    def hold():
        with database.read(), database.read():
            free.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    threading.Timer(0.3, free.set).start()
    with database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    holder.join()
    database.close()


@pytest.fixture
def environment(settings, monkeypatch, tmp_path):
    """The process's settings, where `get_db` finds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    asyncio.run(session.close_default_pools())
    yield
    asyncio.run(session.close_default_pools())


@pytest.mark.anyio
async def test_get_db_yields_a_session(environment, db):
    make.create_feedback(db)
    sessions = session.get_db()
    found = await anext(sessions)
    assert (await found.execute(text(COUNT))).scalar() == 1
    await sessions.aclose()
    await session.close_default_pools()


def test_get_db_sync_yields_a_session_that_commits_when_told(environment):
    for keep in (False, True):
        sessions = session.get_db_sync()
        found = next(sessions)
        found.execute(text(INSERT))
        if keep:
            found.commit()
        sessions.close()
    sessions = session.get_db_sync()
    assert next(sessions).execute(text(COUNT)).scalar() == 1
    sessions.close()
