"""Queries on a real streaming replica: a viewer sees what they wrote, in all its troubles."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from redis import Redis
from sqlalchemy import NullPool, create_engine, text

from db.session import SyncDatabase
from db.write_positions import KEY
from operator_commands.checks import replicas as replica_check
from operator_commands.checks.failure import CheckFailed
from operator_commands.migrations import upgrade
from settings import Settings, load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA, UNLIMITED
from tests.graph.api import Api, serve
from tests.patience import PATIENCE_S
from tests.replication import Server

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

MAX_LAG_S = 2.0
CITY = "query($id: ID!) { athlete(id: $id) { city } }"
MOVE = """mutation($id: ID!, $city: String!) { updateAthlete(input: {athleteId: $id, city: $city}) {
    athlete { city } } }"""


class Pair(NamedTuple):
    primary: Server
    replica: Server


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="pacegraph-replica-"))
    folder.chmod(0o755)
    pair = Pair(Server(folder / "primary"), Server(folder / "replica"))
    pair.primary.create()
    pair.primary.start()
    upgrade(load_settings(None, database_url=pair.primary.url))
    pair.replica.follow(pair.primary)
    pair.replica.start()
    yield pair
    pair.replica.stop()
    pair.primary.stop()
    shutil.rmtree(folder)


@pytest.fixture
def settings(servers, redis_url, tmp_path) -> Settings:
    given = {
        "database_url": servers.primary.url,
        "database_replica_urls": servers.replica.url,
        "database_replica_max_lag_s": MAX_LAG_S,
        "redis_url": redis_url,
        "public_url": "http://pacegraph.test",
        "sharing": "on",
    }
    return load_settings(None, pacegraph_home=tmp_path, **given, **SECRETS, **STRAVA, **UNLIMITED)


@pytest.fixture
def db(servers):
    url = servers.primary.url.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


class Reader:
    """One person with a city, which they read and write, and the counts of where it was read."""

    def __init__(self, api: Api, person: make.Person) -> None:
        self.replicas = api.app.state.services.replicas
        self._api, self._person = api, person

    async def city(self, of: make.Person | None = None) -> str:
        answer = await self._api.answer(CITY, self._person.token, id=(of or self._person).id)
        assert "errors" not in answer, answer
        return answer["data"]["athlete"]["city"]

    async def move(self, city: str) -> None:
        answer = await self._api.answer(MOVE, self._person.token, id=self._person.id, city=city)
        assert "errors" not in answer, answer

    async def is_read_on_replica(self) -> bool:
        before = self.replicas.chosen
        await self.city()
        return self.replicas.chosen > before


async def until(holds: Callable[[], object]) -> None:
    began = time.monotonic()
    while True:
        found = holds()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() - began < PATIENCE_S
        await asyncio.sleep(0.02)


async def test_a_writer_sees_each_write_and_others_are_read_on_the_replica(settings, db):
    writer, other = make.create_person(db), make.create_person(db, shares=True)
    async with serve(settings) as first, serve(settings) as second:
        here, there = Reader(first, writer), Reader(second, writer)
        calm = Reader(second, other)
        await until(here.is_read_on_replica)
        await until(calm.is_read_on_replica)
        before = calm.replicas.chosen
        for number in range(50):
            await here.move(f"Porto {number}")
            assert await there.city() == f"Porto {number}"
            assert await here.city() == f"Porto {number}"
            await calm.city()
        assert calm.replicas.chosen >= before + 50, "a viewer without writes stays"
        await until(here.is_read_on_replica)
        await until(there.is_read_on_replica)
        assert await there.city() == "Porto 49"


async def test_a_replica_that_stands_still_is_read_by_others_then_by_none(
    settings, servers, db, redis_url
):
    writer = make.create_person(db, city="Faro", shares=True)
    friend = make.create_person(db, shares=True)
    async with serve(settings) as api:
        mine, friends = Reader(api, writer), Reader(api, friend)
        await until(mine.is_read_on_replica)
        await until(friends.is_read_on_replica)
        servers.replica.run("SELECT pg_wal_replay_pause()")
        try:
            await mine.move("Braga")
            assert await friends.city(writer) in {"Faro", "Braga"}
            assert await mine.city() == "Braga", "not what others have from the replica"
            # what a job writes for the athlete counts as theirs
            jobs = SyncDatabase(settings, application_name="test")
            jobs.commits.count_for(friend.athlete_id)
            with jobs.write() as connection:
                connection.execute(
                    text("UPDATE athletes SET city = 'Évora' WHERE id = :id"),
                    {"id": friend.athlete_id},
                )
            jobs.close()
            assert await friends.city() == "Évora"
            with Redis.from_url(redis_url) as redis:
                redis.delete(KEY)
            assert await mine.city() == "Braga", "Redis forgot the write"
            await asyncio.sleep(MAX_LAG_S + 0.5)
            stranger = Reader(api, make.create_person(db))
            assert not await stranger.is_read_on_replica()
            assert await friends.city(writer) == "Braga"
        finally:
            servers.replica.run("SELECT pg_wal_replay_resume()")
        await until(mine.is_read_on_replica)
        assert await mine.city() == "Braga"


async def test_what_an_administrator_writes_is_seen_and_they_see_what_others_write(
    settings, servers, db
):
    person, admin = make.create_person(db, city="Faro"), make.create_admin(db)
    friend = make.create_person(db, city="Beja")
    async with serve(settings) as api:
        reader, friends = Reader(api, person), Reader(api, friend)
        await until(reader.is_read_on_replica)
        servers.replica.run("SELECT pg_wal_replay_pause()")
        try:
            await friends.move("Lagos")
            assert await Reader(api, admin).city(friend) == "Lagos"
            moved = await api.answer(MOVE, admin.token, id=person.id, city="Braga")
            assert "errors" not in moved, moved
            assert await reader.city() == "Braga"
        finally:
            servers.replica.run("SELECT pg_wal_replay_resume()")


async def test_a_replica_that_freezes_or_is_gone_fails_nobody(settings, servers, db):
    person = make.create_person(db, city="Tavira")
    async with serve(settings) as api:
        reader = Reader(api, person)
        await until(reader.is_read_on_replica)
        servers.replica.freeze()
        try:
            began = time.monotonic()
            assert await reader.city() == "Tavira"
            assert time.monotonic() - began < 5
            await until(lambda: not reader.replicas.usable)
        finally:
            servers.replica.go_on()
        await until(reader.is_read_on_replica)
        asking = asyncio.create_task(_ask_on(reader, 300))
        await asyncio.to_thread(servers.replica.stop)
        assert await asking == {"Tavira"}
        await until(lambda: not reader.replicas.usable)
        with pytest.raises(CheckFailed, match="the 1st of DATABASE_REPLICA_URLS"):
            replica_check.check(settings)
        await asyncio.to_thread(servers.replica.start)
        await until(reader.is_read_on_replica)
        assert replica_check.check(settings).startswith("1 ")


async def _ask_on(reader: Reader, times: int) -> set[str]:
    return {await reader.city() for _ in range(times)}


async def test_what_is_no_replica_of_the_database_is_not_read(settings, servers, db, postgres_url):
    person = make.create_person(db)
    for url, reason in (
        (servers.primary.url, "takes writes"),
        (postgres_url, "of another database"),
    ):
        changed = load_settings(
            None, **settings.model_dump(exclude_unset=True) | {"database_replica_urls": url}
        )
        with pytest.raises(CheckFailed, match=reason):
            replica_check.check(changed)
        async with serve(changed) as api:
            reader = Reader(api, person)
            await asyncio.sleep(1)
            assert not await reader.is_read_on_replica()


async def test_while_redis_is_away_the_primary_is_read(settings, db):
    person = make.create_person(db, city="Lagos")
    away = settings.model_copy(
        update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:1")}
    )
    async with serve(away) as api:
        reader = Reader(api, person)
        await asyncio.sleep(0.5)
        await reader.move("Sines")
        assert await reader.city() == "Sines"
        assert reader.replicas.chosen == 0
