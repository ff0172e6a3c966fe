"""Enqueueing and publishing, with Redis and without."""

import asyncio
import subprocess
import sys

from jobs.enqueue import (
    CHANNEL,
    enqueue,
    message,
    publish,
    publish_async,
    queued_ids,
)
from jobs.reconcile import Reconciler
from runtime.redis_clients import listening_redis_client, redis_client
from settings import load_settings
from tests.jobs.world import news


def away():
    return load_settings(None, redis_url="unix:///nowhere/redis.sock")


def test_the_channel_carries_id_athlete_and_version(world):
    with world.redis.pubsub() as pubsub:
        pubsub.subscribe(CHANNEL)
        assert publish(redis_client(world.settings), 7, None, 3)
        asyncio.run(_publish(world.settings))
        assert news(pubsub) == [
            {"id": 7, "athlete_id": None, "version": 3},
            {"id": 8, "athlete_id": 1, "version": 4},
        ]
    assert message(7, None, 3) == '{"id": 7, "athlete_id": null, "version": 3}'


async def _publish(settings):
    async with listening_redis_client(settings) as redis:
        assert await publish_async(redis, 8, 1, 4)


def test_redis_away_is_no_error(caplog):
    assert not enqueue(redis_client(away()), 7)
    assert not publish(redis_client(away()), 7, None, 1)
    assert not asyncio.run(publish_async(listening_redis_client(away()), 7, None, 1))
    assert [record.job_id for record in caplog.records] == [7, 7, 7]


def test_the_reconciler_enqueues_what_waits_in_no_queue_and_only_that(world):
    queued, lost = world.create(world.athlete()), world.create(world.athlete())
    world.enqueue(queued)
    reconciler = Reconciler(world.settings, world.database, world.redis)
    reconciler.run_once()
    assert queued_ids(world.redis) == {queued}
    world.write("UPDATE jobs SET enqueued_at = now() - interval '1 minute'")
    for _ in range(5):
        reconciler.run_once()
    assert queued_ids(world.redis) == {queued, lost}
    assert world.redis.llen("rq:queue:pacegraph") == 2


def test_what_the_api_imports_is_light():
    program = "import sys, jobs.enqueue; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert not {"rq", "strava", "jobs.tasks", "jobs.runner", "httpx", "sqlalchemy"} & set(modules)
