"""New connections run some statements before anybody uses them."""

import asyncio
from time import perf_counter

import pytest
from sqlalchemy import text

from db import backend_cpu, new_connections
from db.new_connections import WarmStatement
from db.session import AsyncDatabase
from runtime.work_meter import DATABASE_WORK, WorkMeter

pytestmark = pytest.mark.anyio

MARK = WarmStatement("SELECT set_config('test.is_warm', $1, false)", ("yes",))
IS_WARM = "SELECT current_setting('test.is_warm', true)"
ONE = {"database_pool_size": 1, "database_max_overflow": 0}


@pytest.fixture
async def database(settings):
    opened = AsyncDatabase(settings, application_name="test")
    yield opened
    await opened.close()


def warmed(database: AsyncDatabase, *statements: WarmStatement) -> AsyncDatabase:
    async def found() -> tuple[WarmStatement, ...]:
        return statements

    database.new_connections.statements = found
    return database


async def by_driver(database: AsyncDatabase) -> str:
    return (await database.fetch_row(IS_WARM, ()))[0]


async def by_transaction(database: AsyncDatabase) -> str:
    return await database.reading(lambda c: c.scalar(text(IS_WARM)))


async def by_snapshot(database: AsyncDatabase) -> str:
    async with database.snapshot() as snapshot:
        return (await snapshot.fetch_row(f"SELECT ({IS_WARM}), interval '0'", ()))[0]


@pytest.mark.parametrize("use", [by_driver, by_transaction, by_snapshot])
async def test_all_are_warm_whatever_uses_them(database, use):
    assert await asyncio.gather(*[use(warmed(database, MARK)) for _ in range(5)]) == ["yes"] * 5
    await database._driver.close()
    await database.engine.dispose()
    assert await use(database) == "yes"
    assert database.new_connections.cold == 0


@pytest.mark.parametrize("amiss", ["SELECT pg_sleep(60)", "SELECT FROM no_such_table"])
async def test_what_is_amiss_keeps_no_connection_back(database, monkeypatch, amiss):
    monkeypatch.setattr(new_connections, "WITHIN_S", 0.2)
    warmed(database, WarmStatement(amiss, ()))
    assert await by_driver(database) is None
    assert database.new_connections.cold == 1


async def test_who_leaves_meanwhile_leaves_no_connection_open(settings, db):
    database = AsyncDatabase(settings.model_copy(update=ONE), application_name="leaving")
    warmed(database, WarmStatement("SELECT pg_sleep(1.5)", ()))  # PostgreSQL notices at its end
    leaving = asyncio.create_task(by_transaction(database))
    count = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaving'")

    async def until(wanted: int) -> None:
        async with asyncio.timeout(10):
            while db.scalar(count) != wanted:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)

    await until(1)
    leaving.cancel()
    await asyncio.wait([leaving])
    await until(0)
    assert await by_driver(warmed(database, MARK)) == "yes"
    await database.close()


SLOW = "SELECT pg_sleep(0.02)"


def metered() -> WorkMeter:
    meter = WorkMeter()
    DATABASE_WORK.set(meter)
    return meter


@pytest.fixture
async def unknown(settings, monkeypatch, tmp_path):
    """Where it is not known what CPU the backends use, so that all their time counts."""
    monkeypatch.setattr(backend_cpu, "_PROCESSES", tmp_path)
    opened = AsyncDatabase(settings.model_copy(update=ONE), application_name="test")
    yield opened
    await opened.close()


async def test_a_connection_s_first_transactions_are_free(unknown):
    await unknown.ping()  # it connects
    charged_ms, took_ms = [], []
    for _ in range(2):
        meter, began = metered(), perf_counter()
        await unknown.reading(lambda c: c.execute(text(SLOW)))
        charged_ms.append(meter.take())
        took_ms.append(1000 * (perf_counter() - began))
    assert charged_ms[0] < took_ms[0] - 10
    assert charged_ms[1] > 18


async def test_and_its_first_statements_where_no_backend_is_known(unknown):
    free_ms = []
    for _ in range(2):
        meter = metered()
        await unknown.fetch_row(SLOW, ())
        free_ms.append(meter.waited_ms)
    assert free_ms == [10.0, 0.0]
