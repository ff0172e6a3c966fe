"""Single reads share few connections: callers wait in line for them."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from db.errors import DatabaseError
from db.session import AsyncDatabase
from runtime.grace_period import MAY_LEAVE

pytestmark = pytest.mark.anyio

ONE = {"database_pool_size": 1, "database_max_overflow": 0}
WHO = "SELECT $1::int AS number, pg_backend_pid() AS pid"
SLOW = "SELECT pg_sleep($1)"


@pytest.fixture
async def database(settings):
    opened = AsyncDatabase(settings.model_copy(update=ONE), application_name="test")
    yield opened
    await opened.close()


async def test_callers_wait_for_the_one_connection(database):
    rows = await asyncio.gather(*(database.fetch_row(WHO, (number,)) for number in range(10)))
    assert [row["number"] for row in rows] == list(range(10))
    assert len({row["pid"] for row in rows}) == 1


async def test_a_caller_that_leaves_the_line_passes_its_turn_on(database):
    holding = asyncio.create_task(database.fetch_row(SLOW, (0.5,)))
    await asyncio.sleep(0)
    leaving = [asyncio.create_task(database.fetch_row(WHO, (number,))) for number in range(3)]
    staying = asyncio.create_task(database.fetch_row(WHO, (7,)))
    await asyncio.sleep(0)  # all stand in line
    for each in leaving:
        each.cancel()
    assert (await staying)["number"] == 7
    await holding
    assert all(isinstance(each, asyncio.CancelledError) for each in
               await asyncio.gather(*leaving, return_exceptions=True))  # fmt: skip


async def test_a_connection_that_postgresql_ended_is_replaced(database, database_url):
    before = (await database.fetch_row(WHO, (1,)))["pid"]
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    after = (await database.fetch_row(WHO, (2,)))["pid"]
    assert after != before


async def test_a_close_that_is_cancelled_loses_no_connection(settings):
    two = {"database_pool_size": 4, "database_max_overflow": 0}  # of which reads have two
    database = AsyncDatabase(settings.model_copy(update=two), application_name="test")
    await asyncio.gather(*(database.fetch_row(SLOW, (0.05,)) for _ in range(2)))
    closing = asyncio.create_task(database._driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    async with asyncio.timeout(5):
        while database.engine.pool.checkedout():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    assert (await database.fetch_row(WHO, (1,)))["number"] == 1
    await database.close()


async def test_a_read_that_is_cancelled_twice_loses_no_connection(database):
    reading = asyncio.create_task(database.fetch_row(SLOW, (5,)))
    await asyncio.sleep(0.1)
    for _ in range(3):
        reading.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([reading])
    assert (await database.fetch_row(WHO, (1,)))["number"] == 1


@pytest.mark.parametrize("takes_s", [0.05, 5])
async def test_who_leaves_costs_a_connection_only_where_it_works_on(database, takes_s):
    """As a client does that completes its operation, or closes its stream."""
    pid = (await database.fetch_row(WHO, (1,)))["pid"]
    MAY_LEAVE.set(True)
    works = (
        lambda: database.fetch_row(SLOW, (takes_s,)),
        lambda: database.reading(lambda each: each.execute(text(f"SELECT pg_sleep({takes_s})"))),
    )
    for work in works:
        leaving = asyncio.ensure_future(work())
        await asyncio.sleep(0.02)
        began = asyncio.get_running_loop().time()
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        assert asyncio.get_running_loop().time() - began < 2
    assert ((await database.fetch_row(WHO, (2,)))["pid"] == pid) is (takes_s < 1)


async def test_the_end_waits_for_reads_under_way(settings):
    database = AsyncDatabase(settings, application_name="test")
    pool = database.engine.pool
    reading = asyncio.create_task(database.fetch_row(SLOW, (0.2,)))
    await asyncio.sleep(0.05)
    await database.close()
    assert reading.done()
    assert pool.checkedout() == 0


async def test_a_wait_for_too_long_is_busy(settings):
    impatient = ONE | {"database_pool_timeout_s": 0.1}
    database = AsyncDatabase(settings.model_copy(update=impatient), application_name="test")
    holding = asyncio.create_task(database.fetch_row(SLOW, (1.5,)))
    await asyncio.sleep(0)
    with pytest.raises(DatabaseError) as caught:
        await database.fetch_row(WHO, (1,))
    assert caught.value.code == "DATABASE_BUSY"
    await holding
    await database.close()
