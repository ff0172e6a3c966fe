"""A snapshot ends with its reader, and bounds what all its statements take together."""

import asyncio

import pytest

from db.errors import StatementTimeout
from db.session import AsyncDatabase
from runtime.work_meter import DATABASE_WORK, WorkMeter

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(settings):
    only_one = {"database_pool_size": 1, "database_max_overflow": 0}
    opened = AsyncDatabase(
        settings.model_copy(update={**only_one, "operation_database_time_s": 0.6}),
        application_name="pacegraph-test",
    )
    yield opened
    await opened.close()


async def test_a_reader_that_is_cancelled_twice_leaves_no_transaction(database):
    reads = asyncio.Event()

    async def read() -> None:
        async with database.snapshot() as rows:
            await rows.fetch_row("SELECT 1", ())
            reads.set()
            await rows.fetch_row("SELECT pg_sleep(60)", ())

    for turns in range(1, 5):
        reading = asyncio.create_task(read())
        await reads.wait()
        reads.clear()
        reading.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        async with database.snapshot() as rows:
            assert (await rows.fetch_row("SELECT 1", ()))[0] == 1


async def test_statements_of_a_snapshot_have_the_time_of_one_operation(database):
    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    async with database.snapshot() as rows:
        await rows.fetch_row("SELECT 1", ())
        meter.add(590)
        await rows.fetch_row("SELECT 1", ())
        meter.add(20)
        with pytest.raises(StatementTimeout):
            await rows.fetch_row("SELECT 1", ())
