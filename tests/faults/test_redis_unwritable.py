"""Redis that takes no writes: readiness tells, and jobs run from PostgreSQL alone."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from local.redis import start_redis
from tests import factories as make
from tests.conftest import SECRETS
from tests.graph.api import serve
from tests.graph.test_mutation import mutate

pytestmark = pytest.mark.whole

RUNS_WITHIN_S = 20


@pytest.fixture
def own_redis(services_home) -> Iterator[Redis]:
    service = start_redis(services_home / "unwritable")
    with Redis.from_url(service.url) as redis:
        redis.url = service.url
        yield redis
    service.stop()


@contextmanager
def full(redis: Redis) -> Iterator[None]:
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", 1)
    yield
    redis.config_set("maxmemory", 0)


@contextmanager
def replica(redis: Redis) -> Iterator[None]:
    """Of a primary that nobody reaches: it answers what it has, and takes no writes."""
    redis.replicaof("127.0.0.1", 1)
    yield
    redis.replicaof("NO", "ONE")


@contextmanager
def silent(redis: Redis) -> Iterator[None]:
    redis.execute_command("CLIENT", "PAUSE", 60_000, "ALL")
    yield
    # Even UNPAUSE waits; the server is stopped by a signal.


UNWRITABLE = [full, replica]


@pytest.mark.parametrize("how", UNWRITABLE)
def test_readiness_says_which_check_failed(how, settings, own_redis):
    async def ready() -> tuple[int, dict]:
        changed = settings.model_copy(update={"redis_url": secret(own_redis), **secrets()})
        async with serve(changed) as api:
            answer = await api.http.get("/readyz")
            return answer.status_code, answer.json()["dependencies"]

    with how(own_redis):
        status, dependencies = asyncio.run(ready())
    assert status == 503
    assert dependencies["database"] == "ok"
    assert dependencies["redis"].startswith("unavailable: ")
    assert asyncio.run(ready())[0] == 200


@pytest.mark.parametrize("how", [*UNWRITABLE, silent])
def test_a_queued_job_runs_from_postgresql(how, world, own_redis):
    workers = world.start_workers(redis_url=own_redis.url)
    world.until(lambda: len(workers.below()) >= 2)
    with how(own_redis):
        job_id = world.create(world.athlete(), kind="PERSONAL_BESTS")
        queued_at = time.monotonic()
        row = world.await_job(job_id, "SUCCEEDED")
        took = time.monotonic() - queued_at
        assert row["attempts"] == 1
        limit = RUNS_WITHIN_S + (8 if how is silent else 0)  # each look waits for Redis
        assert took < limit
    assert "Redis takes no writes; jobs run from PostgreSQL" in workers.log


def test_redis_carries_jobs_again(world, own_redis):
    workers = world.start_workers(redis_url=own_redis.url)
    with replica(own_redis):
        world.until(lambda: "jobs run from PostgreSQL" in workers.log)
        first = world.create(world.athlete(), kind="PERSONAL_BESTS")
        world.await_job(first, "SUCCEEDED")
    world.until(lambda: "Redis takes writes again" in workers.log)
    second = world.create(world.athlete(), kind="PERSONAL_BESTS")
    assert world.await_job(second, "SUCCEEDED")["attempts"] == 1


def test_a_stopping_pool_gives_such_jobs_back(world, own_redis):
    workers = world.start_workers(redis_url=own_redis.url)
    world.strava.fault("slow", path="/streams", delay_s=0.05, times=None)
    with replica(own_redis):
        job_id = world.create(world.connect())
        world.until(lambda: world.job(job_id)["progress_done"] >= 5, about=job_id)
        assert workers.stop() < 5
    row = world.job(job_id)
    assert (row["status"], row["failures"]) == ("QUEUED", 0)


def secret(redis: Redis):
    from pydantic import SecretStr

    return SecretStr(redis.url)


def secrets() -> dict:
    from pydantic import SecretStr

    return {"secret_key": SecretStr(SECRETS["secret_key"])}


async def _sync_while_silent(settings, db, redis: Redis) -> tuple[float, dict]:
    caller = make.create_person(db)
    make.create_connection(db, caller.athlete_id)
    async with serve(settings) as api:
        await api.ask("{ viewer { scopes } }", caller.token)
        with silent(redis):
            began = time.monotonic()
            answer = await mutate(
                api, "syncStrava", caller.token, "job { status }", athleteId=caller.id
            )
            return time.monotonic() - began, answer


def test_a_sync_is_started_while_redis_is_silent(settings, db, own_redis):
    changed = settings.model_copy(update={"redis_url": secret(own_redis), **secrets()})
    took, answer = asyncio.run(_sync_while_silent(changed, db, own_redis))
    assert answer["job"] == {"status": "QUEUED"}
    assert took < 1.5  # at most 0.8 for handing over, the rest for limits that ask Redis too
