"""Statements that work for too long are cancelled; those that wait are not."""

import asyncio
import os
import time
from datetime import timedelta

import psutil
import psycopg
import pytest
from sqlalchemy import text

from db.backend_cpu import backend_cpu_s
from db.errors import StatementTimeout
from db.session import AsyncDatabase
from runtime.work_meter import DATABASE_WORK, WorkMeter, waiting_for_lock

pytestmark = pytest.mark.anyio

ENDLESS = "SELECT count(*)::text FROM generate_series(1, 10000000000) n WHERE n % 7 = 3"


@pytest.fixture
async def database(settings):
    opened = AsyncDatabase(
        settings.model_copy(update={"operation_database_time_s": 0.6}),
        application_name="pacegraph-test",
    )
    yield opened
    await opened.close()


async def test_a_read_that_works_for_too_long_is_cancelled(database):
    began = time.monotonic()
    with pytest.raises(StatementTimeout):
        await database.fetch_row(ENDLESS, ())
    assert time.monotonic() - began < 15
    assert database.watch.cancelled == 1
    assert await database.fetch_row("SELECT 1", ())


async def test_a_transaction_that_works_for_too_long_is_cancelled(database):
    with pytest.raises(StatementTimeout):
        await database.writing(lambda connection: connection.execute(text(ENDLESS)))


async def test_what_waits_is_left_alone_and_is_no_work(database, database_url):
    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.ensure_future(
            database.reading(lambda each: each.execute(text("SELECT count(*) FROM athletes")))
        )
        await database.fetch_row("SELECT pg_sleep(1.5)", ())
        assert not waiting.done()
    await waiting
    assert database.watch.cancelled == 0
    assert 0 <= round(meter.total_ms, 6) < 800, "it waited twice as long"


async def test_waiting_is_left_out_once(database, database_url):
    async def wait(connection):
        with waiting_for_lock():
            await connection.execute(text("SELECT count(*) FROM athletes"))

    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE athletes IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.ensure_future(database.reading(wait))
        await asyncio.sleep(1)
    await waiting
    assert 0 <= round(meter.total_ms, 6) < 500


async def test_an_operation_that_has_used_its_time_begins_no_other_statement(database):
    meter = WorkMeter()
    meter.add(601)
    DATABASE_WORK.set(meter)
    with pytest.raises(StatementTimeout):
        await database.reading(lambda connection: connection.execute(text("SELECT 1")))


async def test_what_this_process_does_meanwhile_is_no_work_of_the_database(database):
    async def wait_for_a_busy_loop(connection):
        statement = asyncio.ensure_future(connection.execute(text("SELECT 1")))
        await asyncio.sleep(0)
        ends = time.thread_time() + 0.3
        while time.thread_time() < ends:
            pass
        return await statement

    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    began = time.monotonic()
    await database.reading(wait_for_a_busy_loop)
    assert -1e-9 < meter.total_ms < 1000 * (time.monotonic() - began) - 250


BUSY_S = 2.5
UNTIL_THEN = f"""
    SELECT 'busy' FROM (SELECT generate_series(1, 10000000000) AS turns OFFSET 0) counted
    WHERE clock_timestamp() >= statement_timestamp() + interval '{BUSY_S} s' LIMIT 1
"""
RUNNING = """
    SELECT pid, backend_start FROM pg_stat_activity
    WHERE query LIKE '%turns%' AND state = 'active' AND pid <> pg_backend_pid()
"""
WAITS = "SELECT wait_event IS NOT NULL FROM pg_stat_activity WHERE pid = %s"


async def suspended(other, pid: int) -> psutil.Process:
    """Suspend a backend while it computes: one that stops while it reads a file, as it does when it
    begins, would seem to wait for that file.
    """
    backend = psutil.Process(pid)
    while True:
        backend.suspend()
        while backend.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)
        if not other.execute(WAITS, (pid,)).fetchone()[0]:
            return backend
        backend.resume()
        await asyncio.sleep(0.01)


async def test_waiting_for_a_core_is_no_work(settings, database_url):
    """On a busy machine a statement gets a core now and then; here it gets none for a while."""
    limit = {"operation_database_time_s": BUSY_S - 1}
    database = AsyncDatabase(settings.model_copy(update=limit), application_name="pacegraph-test")
    try:
        with psycopg.connect(database_url, autocommit=True) as other:
            statement = asyncio.ensure_future(database.fetch_row(UNTIL_THEN, ()))
            found = None
            while not (found or statement.done()):
                await asyncio.sleep(0.01)
                found = other.execute(RUNNING).fetchone()
            pid, backend_start = found
            if backend_cpu_s(pid, backend_start) is None:
                pytest.skip("the system does not tell the CPU of processes")
            backend = await suspended(other, pid)
            try:
                await asyncio.sleep(BUSY_S)
            finally:
                backend.resume()
            assert (await statement)[0] == "busy"
        assert database.watch.cancelled == 0
    finally:
        await database.close()


async def test_what_takes_no_cpu_is_told(database):
    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    await database.fetch_row("SELECT pg_sleep(0.2)", ())
    if meter.cpu_ms is None:
        pytest.skip("the system does not tell the CPU of processes")
    assert meter.cpu_ms < 100
    await database.reading(lambda each: each.execute(text("SELECT pg_sleep(0.2)")))
    assert meter.take() > 150
    assert meter.take_idle() > 100
    assert meter.total_ms < 100, "an operation is not ended for what others make it wait"
    meter.restart()
    await database.fetch_row("SELECT count(*) FROM generate_series(1, 200000)", ())
    assert meter.cpu_ms > 5


async def test_transactions_at_the_same_time_each_count_their_cpu(database):
    async def work(connection):
        await connection.execute(text("SELECT count(*) FROM generate_series(1, 300000)"))

    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    await database.reading(work)
    if not meter.knows_cpu:
        pytest.skip("the system does not tell the CPU of processes")
    alone_ms = meter.take() - meter.take_idle()
    meter.restart()
    await asyncio.gather(*(database.reading(work) for _ in range(4)))
    assert meter.take() - meter.take_idle() > 2 * alone_ms > 0


def test_the_cpu_of_a_backend_is_told_only_of_that_backend(database_url):
    query = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    with psycopg.connect(database_url) as connection:
        pid, started = connection.execute(query).fetchone()
        before_s = backend_cpu_s(pid, started)
        if before_s is None:
            pytest.skip("the system does not tell the CPU of processes")
        connection.execute("SELECT count(*) FROM generate_series(1, 2000000)")
        assert backend_cpu_s(pid, started) > before_s
        assert backend_cpu_s(pid, started + timedelta(minutes=1)) is None, "another of this number"
        assert backend_cpu_s(os.getpid(), started) is None, "no backend"
    assert backend_cpu_s(2**22 + 1, started) is None, "no process"
