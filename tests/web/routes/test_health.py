"""Probes, with dependencies up and down."""

import asyncio

import pytest
from pydantic import SecretStr

from tests.graph.api import serve

pytestmark = pytest.mark.anyio

GONE_DATABASE = {"database_url": SecretStr("postgresql://postgres@/absent?host=/nowhere")}
GONE_REDIS = {"redis_url": SecretStr("unix:///nowhere/redis.sock")}


async def probe(settings, **changes):
    async with serve(settings.model_copy(update=changes)) as api:
        alive, ready = await api.http.get("/healthz"), await api.http.get("/readyz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        return ready.status_code, ready.json()["status"], ready.json()["dependencies"]


async def test_ready_when_all_answers_without_strava(settings):
    gone = {"strava_api_url": "http://127.0.0.1:9", "strava_timeout_s": 0.1}
    assert await probe(settings, **gone) == (200, "ok", {"database": "ok", "redis": "ok"})


async def test_not_ready_without_the_database(settings):
    status, word, dependencies = await probe(settings, **GONE_DATABASE)
    assert (status, word) == (503, "unavailable")
    assert dependencies == {"database": "unavailable: DatabaseUnavailable", "redis": "ok"}


async def test_not_ready_without_redis(settings):
    status, _, dependencies = await probe(settings, **GONE_REDIS)
    assert status == 503
    assert dependencies["database"] == "ok"
    assert dependencies["redis"].startswith("unavailable: ")


async def test_who_asks_without_end_takes_no_connections(settings):
    """Else the pool would be theirs, and a load balancer would be told that the database is away."""
    changes = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 0.05}
    async with serve(settings.model_copy(update=changes)) as api:
        answers = await asyncio.gather(*(api.http.get("/readyz") for _ in range(300)))
        assert {each.status_code for each in answers} == {200}
