"""The same limits as GraphQL's: an address's requests, a caller's budget, what one operation may
cost, and turns.
"""

import asyncio

import pytest

from legacy.rest.parameters import PageParameters
from legacy.rest.successors import ACTIVITIES, ACTIVITIES_OF_ATHLETE, ATHLETES, MOST_COST_EACH
from tests import factories as make
from tests.legacy.rest.conftest import serve_rest
from tests.web.limits.conftest import STEADY

pytestmark = pytest.mark.anyio

HARDLY = {"cost_refill_user_per_s": 1e-6, "cost_refill_ip_per_s": 1e-6}


def assert_refused(response, code: str = "RATE_LIMITED") -> None:
    assert response.status_code == 429, response.text
    assert int(response.headers["retry-after"]) >= 1
    body = response.json()
    assert body["errors"][0]["extensions"]["code"] == code
    assert body["detail"] == body["errors"][0]["message"]
    assert response.headers["deprecation"].startswith("@")
    assert response.headers["sunset"]


async def test_requests_of_an_address(settings):
    async with serve_rest(settings, **STEADY, request_bucket_ip=3) as rest:
        for _ in range(3):
            assert (await rest.get("/v1/athletes")).status_code == 200
        for path in ("/v1/athletes", "/v1/age-grade", "/strava/sync/1", "/v1/nothing"):
            response = await rest.get(path)
            assert_refused(response)
            assert response.headers["ratelimit-policy"].startswith('"requests"')
        assert (await rest.post("{ __typename }")).status_code == 429
        for _ in range(5):
            assert (await rest.get("/health")).status_code == 200


async def test_a_budget_is_shared_with_graphql_and_told(settings, people):
    limits = {"cost_limit": 200, "cost_bucket_user": 200, **HARDLY}
    async with serve_rest(settings, **limits) as rest:
        first = await rest.get("/v1/athletes/me", people.owner.token)
        assert first.headers["ratelimit-policy"].startswith('"cost";q=200')
        left = int(first.headers["ratelimit"].partition("r=")[2].partition(";")[0])
        cost = (await rest.answer("{ viewer { scopes } }", people.owner.token))["extensions"][
            "cost"
        ]
        assert cost["remaining"] == left - cost["actual"]
        while (
            response := await rest.get("/v1/athletes/me", people.owner.token)
        ).status_code == 200:
            left -= 1
            assert left > 0
        assert_refused(response)
        assert response.headers["ratelimit-policy"].startswith('"cost"')
        assert (
            await rest.post("{ viewer { athlete { id } } }", people.owner.token)
        ).status_code == 429
        assert (await rest.get("/v1/athletes/me", people.stranger.token)).status_code == 200


async def test_what_one_operation_may_cost(settings, people):
    async with serve_rest(settings, cost_limit=150) as rest:
        assert (await rest.get("/v1/activities?limit=20", people.owner.token)).status_code == 200
        response = await rest.get("/v1/activities?limit=1000", people.owner.token)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"


@pytest.mark.parametrize("path", ["/v1/athletes", "/v1/activities", "/v1/athletes/{}/activities"])
async def test_the_signed_out_get_what_their_budget_allows(settings, people, path):
    path = path.format(people.owner.athlete_id)
    limits = {"cost_limit": 5000, "cost_bucket_ip": 1000, **HARDLY}
    async with serve_rest(settings, sharing="on", **limits) as rest:
        for _ in range(2):
            response = await rest.get(f"{path}?limit=1000")
            assert response.status_code in {200, 404}, response.text
            assert await remaining(rest, None) > 900


@pytest.mark.parametrize("operation", [ATHLETES, ACTIVITIES, ACTIVITIES_OF_ATHLETE])
async def test_what_an_entry_costs_at_most(rest, people, operation):
    variables = {"id": people.owner.id} if "$id" in operation else {}
    costs = [
        (await rest.answer(operation, people.owner.token, first=first, **variables))["extensions"][
            "cost"
        ]["requested"]
        for first in (1, 101)
    ]
    assert costs[1] - costs[0] <= 100 * MOST_COST_EACH


def test_a_page_of_at_most_so_many_begins_where_it_would():
    assert PageParameters(limit=1000, page=3).of_at_most(500) == PageParameters(
        limit=500, offset=2000
    )
    assert PageParameters(limit=10, offset=7).of_at_most(500) == PageParameters(limit=10, offset=7)


async def test_the_way_to_a_page_is_charged_too(settings, db):
    person = make.create_person(db)
    for _ in range(4):
        make.create_activity(db, person.athlete_id)
    async with serve_rest(settings, **HARDLY) as rest:

        async def spent(path: str) -> int:
            before = await remaining(rest, person.token)
            assert (await rest.get(path, person.token)).status_code == 200
            return before - await remaining(rest, person.token)

        assert await spent("/v1/activities?limit=1&offset=3") > await spent(
            "/v1/activities?limit=1"
        )


async def remaining(rest, token: str | None) -> int:
    return (await rest.answer("{ rateLimit { remaining } }", token))["data"]["rateLimit"][
        "remaining"
    ]


async def test_turns(settings, people):
    changes = {"concurrent_operations": 1, "waiting_operations": 1, "operation_wait_s": 5}
    async with serve_rest(settings, **changes) as rest:
        await rest.get("/v1/athletes/me", people.owner.token)
        answers = await asyncio.gather(
            *(rest.get("/v1/athletes/me", people.owner.token) for _ in range(20))
        )
        refused = [each for each in answers if each.status_code == 429]
        assert {each.status_code for each in answers} == {200, 429}
        assert_refused(refused[0], "TOO_MANY_OPERATIONS")
        assert rest.app.state.services.limits.fair_queue.under_way == 0


async def test_the_database_is_away(settings, people):
    async with serve_rest(settings) as rest:
        await rest.get("/v1/athletes/me", people.owner.token)
        gone = type(settings.database_url)("postgresql://postgres@/absent?host=/nowhere")
    async with serve_rest(settings, database_url=gone) as rest:
        response = await rest.get("/v1/athletes")
        assert response.status_code == 503
        assert response.json()["errors"][0]["extensions"]["code"] == "DATABASE_UNAVAILABLE"
        assert response.headers["retry-after"] == "1"
        assert response.headers["sunset"]


async def test_it_runs_by_plan_and_is_cached(rest, people):
    """The same ways as GraphQL's: nothing here has SQL of its own for what it answers."""
    planner, cache = rest.app.state.services.planner, rest.app.state.services.cache
    path = f"/v1/athletes/{people.owner.id}/personal-bests"
    before = planner.planned
    first = await rest.get(path, people.owner.token)
    again = await rest.get(path, people.owner.token)
    assert planner.planned == before + 2
    assert first.content == again.content
    assert cache.counts["memory"] + cache.counts["redis"] >= 1
