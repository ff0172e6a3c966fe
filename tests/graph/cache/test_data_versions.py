"""Versions of data are read once for those that come together, and never before they came.

They are waited for as long as PostgreSQL may take to fail over, and no longer.
"""

import asyncio
from time import monotonic

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from db.errors import DatabaseUnavailable
from db.session import AsyncDatabase
from graph.cache import data_versions
from graph.cache.data_versions import DataVersions
from graph.cache.key import SharedSubject
from tests import factories as make
from web.services import Services

pytestmark = pytest.mark.anyio


async def test_a_failover_is_waited_for(settings, monkeypatch):
    monkeypatch.setattr(data_versions, "_PATIENCE_S", 0.2)
    away = {
        "database_url": SecretStr("postgresql://nobody@/nothing?host=/nowhere"),
        "database_failover_s": 1.0,
    }
    services = Services.from_settings(settings.model_copy(update=away))
    began = monotonic()
    with pytest.raises(DatabaseUnavailable):
        await services.planner._versions.read({SharedSubject.ALL_ATHLETES})
    assert 1 <= monotonic() - began < 5
    await services.close()


@pytest.fixture
async def database(settings):
    database = AsyncDatabase(settings, application_name="test")
    yield database
    await database.close()


class Counted:
    """Counts reads of a database."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database, self.reads = database, 0

    async def fetch_row(self, *arguments):
        self.reads += 1
        return await self._database.fetch_row(*arguments)


async def test_those_that_come_turn_after_turn_share_a_read(database, monkeypatch):
    monkeypatch.setattr(data_versions, "_MOST_GATHERING_S", 60.0)
    counted, told = Counted(database), []
    versions = DataVersions(counted)
    for _ in range(5):
        versions.tell(frozenset({SharedSubject.ALL_ATHLETES}), told.append)
        await asyncio.sleep(0)
    await versions.close()
    await asyncio.sleep(0)
    assert counted.reads == 1
    assert len(told) == 5
    assert len({each[SharedSubject.ALL_ATHLETES] for each in told}) == 1


@pytest.mark.parametrize(("name", "value"), [("_MOST_GATHERING_S", 0.0), ("_MOST_GATHERED", 2)])
async def test_a_read_does_not_wait_for_ever_for_more(database, monkeypatch, name, value):
    """Here each turn brings one more, until the first is answered."""
    monkeypatch.setattr(data_versions, name, value)
    versions, told, came = DataVersions(database), [], 0
    began = monotonic()
    while not told and monotonic() - began < 10:
        versions.tell(frozenset({SharedSubject.ALL_ATHLETES}), told.append)
        came += 1
        await asyncio.sleep(0)
    assert 0 < len(told) < came
    await versions.close()
    await asyncio.sleep(0)
    assert len(told) == came


async def test_who_comes_during_a_read_is_told_of_what_was_committed_before(database, db):
    """In turns of the loop: the read that is under way may have seen what was before."""
    athlete_id = make.create_athlete(db)
    versions = DataVersions(database)
    rename = text("UPDATE athletes SET first_name = :name WHERE id = :id")
    current = text("SELECT data_version FROM athletes WHERE id = :id")
    for number in range(20):
        first = asyncio.ensure_future(versions.read({athlete_id}))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        db.execute(rename, {"name": f"Name{number}", "id": athlete_id})
        version = db.execute(current, {"id": athlete_id}).scalar_one()
        assert await versions.read({athlete_id}) == {athlete_id: version}
        await first
    await versions.close()


async def test_one_that_fails_stops_none_of_the_others(database):
    failures, told = [], []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["exception"])
    )
    versions, error = DataVersions(database), ValueError("of one")

    def fail(_: object) -> None:
        raise error

    for listener in (told.append, fail, told.append):
        versions.tell(frozenset(), listener)
    await versions.close()
    await asyncio.sleep(0)
    assert (len(told), failures) == (2, [error])
