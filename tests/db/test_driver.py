"""Single reads share few connections: callers wait in line for them."""

import asyncio

import psycopg
import pytest

from db.errors import DatabaseError
from db.session import AsyncDatabase

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
