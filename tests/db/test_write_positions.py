"""What API processes know of viewers' writes, when Redis loses it."""

import asyncio
from contextlib import nullcontext

import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db.replicas import Replicas
from db.session import AsyncDatabase, SyncDatabase
from db.write_positions import EVERYONE, KEY, WritePositions
from settings import load_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def positions(redis_url):
    """Those of two processes, which count all viewers as having written up to 100."""
    settings = load_settings(None, redis_url=redis_url)
    both = [WritePositions.from_settings(settings) for _ in range(2)]
    for each in both:
        await each.renew(100, 0)
    yield both
    for each in both:
        await each.close()


async def test_an_emptied_redis_is_noticed_after_others_raised_the_floor(positions, redis_url):
    writing, reading = positions
    await writing.record(("athlete:1",), 150)
    assert await reading.needed("athlete:1") == 150
    with Redis.from_url(redis_url) as redis:
        redis.delete(KEY)
    await writing.raise_floor(110)
    assert await reading.needed("athlete:1") is None
    await reading.renew(160, reading.losses)
    assert await reading.needed("athlete:1") == 160


async def test_a_connection_that_ended_is_noticed_by_whatever_uses_it_next(positions, redis_url):
    reading, _ = positions
    assert await reading.needed("athlete:1") == 100
    with Redis.from_url(redis_url) as redis:
        ours = [each["id"] for each in redis.client_list() if each["cmd"] == "zmscore"]
        for each in ours:
            redis.client_kill_filter(_id=each)
    assert not await reading.raise_floor(110)
    assert await reading.needed("athlete:1") is None
    await reading.renew(120, reading.losses)
    assert await reading.needed("athlete:1") == 120


async def test_a_floor_that_was_given_up_counts_as_lost(positions, redis_url):
    reading, _ = positions
    with Redis.from_url(redis_url) as redis:
        redis.client_pause(200)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reading.raise_floor(110), 0.05)
    assert await reading.needed("athlete:1") is None


_REFUSED_AT_COMMIT = (
    text("CREATE TEMP TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"),
    text("INSERT INTO once VALUES (1), (1)"),
)


async def test_after_a_commit_that_failed_nothing_counts_until_the_floor_is_raised(
    settings, positions
):
    database = AsyncDatabase(settings, application_name="test")
    reading, _ = positions
    database.positions = reading

    async def write() -> None:
        async with database.write() as connection:
            for each in _REFUSED_AT_COMMIT:
                await connection.execute(each)

    with pytest.raises(IntegrityError):
        await write()
    assert await reading.needed("athlete:1") is None
    await database.close()


def test_a_worker_counts_the_commit_after_a_failed_one_for_all(settings, redis_url):
    with_replica = load_settings(
        None,
        **settings.model_dump(exclude_unset=True)
        | {"database_replica_urls": settings.database_url.get_secret_value()},
    )
    database = SyncDatabase(with_replica, application_name="test")
    database.commits.count_for(1)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        for statements, told in (
            (_REFUSED_AT_COMMIT, set()),
            (_REFUSED_AT_COMMIT[:1], {EVERYONE}),
            (_REFUSED_AT_COMMIT[:1], {EVERYONE, "athlete:1"}),
        ):
            _write(database, statements, is_refused=not told)
            assert set(redis.zrange(KEY, 0, -1)) == told
    database.close()


def _write(database, statements, *, is_refused):
    with pytest.raises(IntegrityError) if is_refused else nullcontext(), database.write() as db:
        for each in statements:
            db.execute(each)


async def test_a_viewer_stays_on_a_replica_whatever_becomes_of_the_others(settings, positions):
    url = settings.database_url.get_secret_value()
    given = settings.model_dump(exclude_unset=True) | {
        "database_replica_urls": f"{url},{url},{url}"
    }
    replicas = Replicas(
        load_settings(None, **given), AsyncDatabase(settings, application_name="test"), positions[0]
    )
    names = [f"athlete:{number}" for number in range(20)]

    async def chosen(*shown: int) -> list[int]:
        for each, position in zip(replicas.all, shown, strict=True):
            each.position = position
        found = [await replicas.choose(name) for name in names]
        return [0 if each is None else each.number for each in found]

    all_fit = await chosen(100, 100, 100)
    assert set(all_fit) == {1, 2, 3}
    for lost in (1, 2, 3):
        left = await chosen(*(100 if number != lost else 99 for number in (1, 2, 3)))
        assert lost not in left
        assert all(now == was for now, was in zip(left, all_fit, strict=True) if was != lost)
    assert set(await chosen(99, 99, -1)) == {0}
