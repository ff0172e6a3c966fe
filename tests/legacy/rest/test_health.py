"""`/health`, as old monitors read it."""

import asyncio
import logging

import pytest
from pydantic import SecretStr

from legacy.rest.models import Health
from tests.legacy.rest.conftest import serve_rest

pytestmark = pytest.mark.anyio

GONE_DATABASE = {"database_url": SecretStr("postgresql://postgres@/absent?host=/nowhere")}
GONE_REDIS = {"redis_url": SecretStr("unix:///nowhere/redis.sock")}


async def health(settings, **changes):
    async with serve_rest(settings, **changes) as rest:
        response = await rest.get("/health")
        ready = await rest.get("/readyz")
        assert response.status_code == ready.status_code
        return response.status_code, Health.model_validate(response.json())


async def test_healthy(settings):
    status, said = await health(settings)
    assert (status, said.status, said.database, said.redis) == (
        200,
        "healthy",
        "connected",
        "connected",
    )
    assert said.checks == {"database": "healthy", "redis": "healthy"}
    assert said.version


async def test_without_the_database(settings):
    status, said = await health(settings, **GONE_DATABASE)
    assert (status, said.status) == (503, "unhealthy")
    assert said.checks == {"database": "unhealthy", "redis": "healthy"}
    assert said.database == "unavailable: DatabaseUnavailable"


async def test_without_redis(settings):
    status, said = await health(settings, **GONE_REDIS)
    assert (status, said.status) == (503, "unhealthy")
    assert said.checks == {"database": "healthy", "redis": "unhealthy"}


async def test_head_will_do(rest):
    assert (await rest.send("HEAD", "/health")).status_code == 200


async def test_who_asks_without_end_takes_no_connections(settings):
    changes = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 0.05}
    async with serve_rest(settings, **changes) as rest:
        answers = await asyncio.gather(*(rest.get("/health") for _ in range(300)))
        assert {each.status_code for each in answers} == {200}


async def test_it_is_not_logged(rest, caplog):
    caplog.set_level(logging.DEBUG, "pacegraph.request")
    await rest.get("/health")
    await rest.get("/v1/athletes")
    lines = [record for record in caplog.records if record.name == "pacegraph.request"]
    assert len(lines) == 1
