"""Plans in the log: bounded, and without any value."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from db.session import AsyncDatabase
from db.slow_statements import plan_of, record_statements
from runtime.ran_statements import RanStatement, RanStatements
from runtime.work_meter import DATABASE_WORK, WorkMeter

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(settings):
    database = AsyncDatabase(settings, application_name="test")
    yield database
    await database.close()


async def plan(database, statement, *values) -> str:
    return await plan_of(database.engine, RanStatement(statement, values=values))


async def test_a_plan_has_its_steps_and_no_values(database):
    told = await plan(
        database,
        "SELECT * FROM athletes JOIN activities ON athletes.id = athlete_id "
        "WHERE first_name = $1 AND distance_m > $2 AND activities.name = 'it''s (cost=1 \n secret' "
        "ORDER BY first_name",
        "Sekret",
        4711.5,
    )
    assert " on activities" in told
    assert "(cost=" in told
    assert "Filter: (first_name = ?::text)" in told
    assert "distance_m" in told
    for value in ("Sekret", "4711", "secret", "it'"):
        assert value not in told, told


async def test_a_long_plan_is_cut(database):
    many = " UNION ALL ".join(
        f"SELECT id FROM activities WHERE name = $1 AND id > {number}" for number in range(200)
    )
    told = await plan(database, many, "x")
    assert len(told) < 4100
    assert told.splitlines()[-1].startswith("… ")
    assert int(told.splitlines()[-1].split()[1]) > 100


async def test_nothing_is_run(database, db):
    told = await plan(database, "DELETE FROM feedback WHERE id = $1", 1)
    assert told.startswith("Delete on feedback")
    await plan(database, "INSERT INTO feedback (message) VALUES ($1)", "x")
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


async def test_what_has_no_plan_says_so(database):
    with pytest.raises(ValueError, match="no plan"):
        await plan(database, "SET LOCAL jit = off")


async def test_a_locked_table_holds_up_nobody_for_long(database, db, monkeypatch):
    monkeypatch.setattr("db.slow_statements._PATIENCE_S", 0.2)
    db.exec_driver_sql("BEGIN")
    db.exec_driver_sql("LOCK TABLE feedback")
    with pytest.raises(TimeoutError):
        await plan(database, "SELECT * FROM feedback")
    db.exec_driver_sql("ROLLBACK")
    assert "feedback" in await plan(database, "SELECT * FROM feedback")


async def test_what_sqlalchemy_runs_is_noted_also_what_fails_or_is_given_up(database):
    record_statements(database.engine)
    meter = WorkMeter()
    meter.statements = RanStatements()
    DATABASE_WORK.set(meter)
    async with database.read() as connection:
        await connection.execute(text("SELECT :a + 1"), {"a": 4})
    with pytest.raises(DBAPIError, match="zero"):
        async with database.read() as connection:
            await connection.execute(text("SELECT 1 / (:a - 1)"), {"a": 1})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(10)"))
    ran = meter.statements.by_time()
    assert [each.times for each in ran] == [1, 1, 1]
    assert ran[0].text == "SELECT pg_sleep(10)"
    assert 0.2 < ran[0].seconds < 5
    assert [each.values for each in ran if "+" in each.text] == [(4,)]
