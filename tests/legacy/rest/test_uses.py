"""Each use is counted, by route."""

import threading

import pytest

from legacy.uses import read_uses
from tests.legacy.rest.conftest import serve_rest

pytestmark = pytest.mark.anyio


async def test_uses_are_counted_by_route_whatever_the_answer(settings, people):
    async with serve_rest(settings) as rest:
        for path in (
            f"/v1/athletes/{people.owner.id}", "/v1/athletes/1", "/v1/athletes/nonsense",
            f"/v1/athletes/{people.owner.id}/personal-bests", f"/v1/athletes/{people.owner.id}/pbs",
        ):  # fmt: skip
            await rest.get(path, people.owner.token)
        await rest.get("/v1/nothing")
        await rest.get("/health")
        await rest.send("DELETE", "/v1/athletes")
        metrics = (await rest.get("/metrics")).text
    counted = [
        line for line in metrics.splitlines() if line.startswith("pacegraph_legacy_uses_total")
    ]
    assert sorted(counted) == [
        'pacegraph_legacy_uses_total{kind="route",name="GET /health"} 1.0',
        'pacegraph_legacy_uses_total{kind="route",name="GET /v1/athletes/{athlete_id}"} 3.0',
        'pacegraph_legacy_uses_total{kind="route",name="GET /v1/athletes/{athlete_id}/personal-bests"} 2.0',
    ]


async def test_the_counter_ends_with_the_api(settings):
    async with serve_rest(settings) as rest:
        await rest.get("/health")
        assert "legacy-uses" in {each.name for each in threading.enumerate()}
    assert "legacy-uses" not in {each.name for each in threading.enumerate()}
    assert [use.place.name for use in read_uses(settings)] == ["GET /health"]
