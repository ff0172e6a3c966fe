"""What API processes know of viewers' writes, when Redis loses it."""

import pytest
from redis import Redis

from db.write_positions import KEY, WritePositions
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
