"""Changes of jobs reach those who watch, whatever else comes, and jobs that Redis lacks count."""

import asyncio

import pytest
from redis import Redis

from graph.job_interface import JobChange
from jobs.enqueue import CHANNEL, publish
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.anyio


@pytest.fixture
def jobs(api, monkeypatch):
    monkeypatch.setattr("web.job_queue._RECONNECT_S", 0.01)
    return api.app.state.services.jobs


@pytest.fixture
def redis(redis_url):
    with Redis.from_url(redis_url) as redis:
        yield redis


def tell(redis, change: JobChange) -> None:
    publish(redis, change.job_id, change.athlete_id, change.version)


async def heard(changes, redis, *told: JobChange) -> None:
    """Tell changes, again if need be, until the last of them comes."""
    async with asyncio.timeout(PATIENCE_S):
        change = None
        while change != told[-1]:
            if change is None:  # perhaps nobody listened yet
                for each in told:
                    tell(redis, each)
            change = await anext(changes)


async def test_what_makes_no_sense_ends_nothing(jobs, redis, caplog):
    async with jobs.watch(job_id=5) as changes:
        await heard(changes, redis, JobChange(5, 7, 2))
        for version, nonsense in enumerate((b"no JSON", b"[5]", b"{}"), start=3):
            caplog.clear()
            redis.publish(CHANNEL, nonsense)
            async with asyncio.timeout(PATIENCE_S):
                while "job news that makes no sense" not in caplog.messages:
                    await anext(changes)
            await heard(changes, redis, JobChange(5, 7, version))


async def test_a_slow_watcher_gets_the_latest_jobs(jobs, redis, monkeypatch):
    monkeypatch.setattr("web.job_queue._MAX_JOBS_BEHIND", 2)
    async with jobs.watch(athlete_id=7) as slow, jobs.watch(athlete_id=7) as quick:
        await heard(quick, redis, *(JobChange(number, 7, 2) for number in (1, 2, 3, 4)))
        assert await anext(slow) is None  # what the rows say comes first
        assert [(await anext(slow)).job_id for _ in range(2)] == [3, 4]


async def test_a_job_that_cannot_be_sent_at_once_is_left_to_the_reconciler(jobs, monkeypatch):
    monkeypatch.setattr("web.job_queue._MOST_UNDER_WAY", 0)
    await jobs.enqueue(5)
    await jobs.announce(JobChange(5, 7, 2))  # watchers look at the row anyway
    assert jobs.lost == 1
