"""Transactions that note changes of one athlete at once: subscribers miss none, in either order."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from threading import Thread

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, create_engine, text

from db.statements.athletes import athlete_change
from graph.global_id import encode_id
from jobs.enqueue import publish
from tests import factories as make
from tests.web.subscriber import web_socket

pytestmark = pytest.mark.anyio

CHANGES = """subscription($id: ID!, $since: DateTime) { athleteChanged(athleteId: $id, since: $since) {
    activities { id } changedAt } }"""
ROWS = text(
    "SELECT activity_ids, changed_at FROM athlete_changes WHERE athlete_id = :athlete ORDER BY id"
)
CLOCK = text("SELECT clock_timestamp()")


@pytest.fixture
def engine(database_url) -> Iterator[Engine]:
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


class Writer:
    """A transaction that changes an activity of an athlete. It has begun."""

    def __init__(self, engine: Engine, athlete: int, run: int) -> None:
        self.connection = engine.connect()
        self.connection.execute(CLOCK)
        self._values = athlete_change.changes(athlete, None, activities=[run])
        self._waiting: Thread | None = None

    def note(self) -> None:
        self.connection.execute(athlete_change.record(), self._values)

    def begin_to_note(self) -> None:
        """Note it as soon as another transaction lets it."""
        self._waiting = Thread(target=self.note)
        self._waiting.start()
        self._waiting.join(0.3)
        assert self._waiting.is_alive(), "it waits for nobody"

    def commit(self) -> None:
        if self._waiting is not None:
            self._waiting.join(10)
        self.connection.commit()
        self.connection.close()


class Pair:
    """Two writers of one athlete, of which the first has begun before the second."""

    def __init__(self, engine: Engine, db: Connection, redis_url: str) -> None:
        self.person = make.create_person(db)
        self._redis_url, self._db = redis_url, db
        self.runs = [make.create_activity(db, self.person.athlete_id) for _ in range(2)]
        self.ids = [encode_id("Activity", each) for each in self.runs]
        self.writers = [Writer(engine, self.person.athlete_id, each) for each in self.runs]

    def tell(self) -> None:
        """As a job does after its commit."""
        with Redis.from_url(self._redis_url) as redis:
            publish(redis, 1, self.person.athlete_id, 1)

    def rows(self):
        return self._db.execute(ROWS, {"athlete": self.person.athlete_id}).all()

    @asynccontextmanager
    async def subscriber(self, address, since=None):
        async with asyncio.timeout(20), web_socket(address) as socket:
            await socket.begin(Authorization=f"Bearer {self.person.token}")
            await socket.subscribe(CHANGES, id=self.person.id, since=since)
            await asyncio.sleep(0.3)  # it watches from now on
            yield socket


async def told(socket) -> tuple[list[str], str]:
    """The activities of the next event, and its time."""
    change = (await socket.next())["athleteChanged"]
    return [each["id"] for each in change["activities"]], change["changedAt"]


@pytest.fixture
def pair(engine, db, redis_url) -> Pair:
    return Pair(engine, db, redis_url)


async def test_the_one_that_has_begun_later_commits_first(address, pair):
    first, second = pair.writers
    async with pair.subscriber(address) as socket:
        second.note()
        second.commit()
        pair.tell()
        ids, seen_at = await told(socket)
        assert ids == pair.ids[1:]
        first.note()
        first.commit()
        pair.tell()
        assert (await told(socket))[0] == pair.ids[:1]
    async with pair.subscriber(address, since=seen_at) as socket:
        assert pair.ids[0] in (await told(socket))[0]
    [early, late] = pair.rows()
    assert late.activity_ids == pair.runs[:1]
    assert late.changed_at > early.changed_at


async def test_the_one_that_has_noted_later_waits_for_the_other(address, pair):
    """Else it would be seen first, and the other's change, with a lower id, never."""
    first, second = pair.writers
    async with pair.subscriber(address) as socket:
        first.note()
        await asyncio.to_thread(second.begin_to_note)
        first.commit()
        pair.tell()
        ids, seen_at = await told(socket)
        second.commit()
        pair.tell()
        if pair.ids[1] not in ids:
            ids += (await told(socket))[0]
        assert set(ids) == set(pair.ids)
    async with pair.subscriber(address, since=seen_at) as socket:
        assert pair.ids[1] in (await told(socket))[0]
    assert [row.activity_ids for row in pair.rows()] == [[each] for each in pair.runs]


async def test_a_change_has_the_time_of_its_commit(db, pair):
    """Who asks for what came since a moment before the commit gets it, however long it took."""
    writer = pair.writers[0]
    writer.note()
    await asyncio.sleep(1.1)
    asked_at = db.execute(CLOCK).scalar_one()
    writer.commit()
    [row] = pair.rows()
    assert row.changed_at > asked_at
