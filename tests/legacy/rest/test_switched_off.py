"""The flag legacy-rest: off, the routes name their successors and do nothing else; health stays."""

import pytest

from flags.rollout import Rollout
from flags.targeting import of_athlete
from legacy.rest.routes import ROUTES
from tests.legacy.rest.conftest import serve_rest
from tests.switched import switched

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_off_each_route_names_its_successor(rest, db, people, route):
    with switched(rest.app.state.services.flags, legacy_rest=False):
        response = await rest.send(
            route.method, route.path.format(**people.ids), people.owner.token
        )
    assert response.status_code == 410
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "LEGACY_REST_OFF"
    assert error["extensions"]["successor"] == {"url": "/graphql", "query": route.operation}
    assert "legacy-rest" in response.json()["detail"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["sunset"]
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 1  # the one of `people`
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


async def test_it_comes_and_goes_without_a_restart(rest, people):
    flags, statuses = rest.app.state.services.flags, []
    for is_on in (True, False, True):
        with switched(flags, legacy_rest=is_on):
            statuses.append((await rest.get("/v1/athletes/me", people.owner.token)).status_code)
    assert statuses == [200, 410, 200]


async def test_it_is_off_for_some_callers_alone(rest, people):
    some = Rollout(percent=0, on_for=frozenset({of_athlete(people.owner.athlete_id)}))
    with switched(rest.app.state.services.flags, legacy_rest=some):
        assert (await rest.get("/v1/athletes/me", people.owner.token)).status_code == 200
        assert (await rest.get("/v1/athletes/me", people.stranger.token)).status_code == 410


async def test_off_health_graphql_and_the_page_stay(settings):
    async with serve_rest(settings) as rest:
        with switched(rest.app.state.services.flags, legacy_rest=False):
            for path in ("/health", "/healthz", "/docs", "/openapi.json"):
                assert (await rest.get(path)).status_code == 200
            assert (await rest.post("{ __typename }")).status_code == 200
