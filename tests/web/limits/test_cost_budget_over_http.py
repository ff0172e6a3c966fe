"""What callers see of their limits, over HTTP."""

import asyncio

import pytest

from tests import factories as make
from tests.graph.api import serve
from tests.web.limits.conftest import STEADY

pytestmark = pytest.mark.anyio

RATE = "{ rateLimit { limit remaining cost resetAt } }"
ATHLETES = "{ athletes(first: 50) { nodes { id } } }"
"""Costs 52 or so, and as good as nothing where there are no athletes."""
SMALL = {**STEADY, "cost_bucket_ip": 100, "cost_limit": 100}


async def test_an_answer_tells_what_it_cost_and_what_is_left(settings):
    async with serve(settings.model_copy(update=SMALL)) as api:
        response = await api.post(RATE)
        rate, cost = response.json()["data"]["rateLimit"], response.json()["extensions"]["cost"]
        assert rate["limit"] == cost["limit"] == 100
        assert rate["remaining"] == 100 - rate["cost"]
        assert cost["remaining"] == 100 - cost["actual"]
        assert response.headers["ratelimit-policy"] == '"cost";q=100;w=100000000'
        assert response.headers["ratelimit"].startswith(f'"cost";r={cost["remaining"]};t=')


async def test_what_an_operation_did_not_use_is_given_back(settings):
    async with serve(settings.model_copy(update=SMALL)) as api:
        for _ in range(10):
            cost = (await api.answer(ATHLETES))["extensions"]["cost"]
            assert cost["requested"] > 50
            assert cost["actual"] < 5
        assert cost["remaining"] == 100 - 10 * cost["actual"]


async def test_a_caller_whose_budget_is_used_up_is_told_when_to_come_again(settings):
    changed = {**SMALL, "cost_refill_ip_per_s": 0.5, "cost_bucket_ip": 60}
    async with serve(settings.model_copy(update=changed)) as api:
        responses = await asyncio.gather(*(api.post(ATHLETES) for _ in range(100)))
        refused = [each for each in responses if each.status_code == 429]
        assert refused
        for response in refused:
            [error] = response.json()["errors"]
            assert "data" not in response.json()
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert (
                int(response.headers["retry-after"]) == error["extensions"]["retryAfterSeconds"] > 0
            )
            assert response.headers["ratelimit-policy"] == '"cost";q=60;w=120'
            assert f"t={response.headers['retry-after']}" in response.headers["ratelimit"]
        assert {each.status_code for each in responses} <= {200, 429}


async def test_reporting_refuses_nothing(settings):
    changed = {**SMALL, "cost_bucket_ip": 10, "cost_limit": 10, "cost_mode": "report"}
    async with serve(settings.model_copy(update=changed)) as api:
        responses = [await api.post(ATHLETES) for _ in range(5)]
        assert {each.status_code for each in responses} == {200}
        assert "pacegraph_would_be_refused_total 5.0" in (await api.http.get("/metrics")).text


async def test_reporting_gives_back_only_what_was_taken(settings):
    changed = {
        **SMALL,
        "cost_bucket_ip": 10,
        "cost_limit": 10,
        "cost_mode": "report",
        "cost_refill_ip_per_s": 0.001,
    }
    async with serve(settings.model_copy(update=changed)) as api:
        assert (await api.answer("{ __schema { queryType { name } } }"))["extensions"]["cost"][
            "remaining"
        ] == 0
        assert (await api.answer(ATHLETES))["extensions"]["cost"]["remaining"] == 0


async def test_without_redis_there_is_an_answer_and_a_limit(settings):
    gone = type(settings.redis_url)("redis://127.0.0.1:1/0")
    async with serve(settings.model_copy(update={**SMALL, "redis_url": gone})) as api:
        statuses = [(await api.post(RATE)).status_code for _ in range(150)]
        assert set(statuses) == {200, 429}
        assert statuses == sorted(statuses)


async def test_operations_of_one_caller_wait_for_each_other(settings, db):
    token = make.create_person(db).token
    changed = {"concurrent_operations": 1, "waiting_operations": 3}
    async with serve(settings.model_copy(update=changed)) as api:
        await api.ask("{ __typename }", token)
        responses = await asyncio.gather(*(api.post(ATHLETES, token) for _ in range(20)))
        refused = [each for each in responses if each.status_code != 200]
        assert 0 < len(refused) <= 16
        for response in refused:
            assert (response.status_code, response.headers["retry-after"]) == (429, "1")
            assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        assert (await api.post(ATHLETES, token)).status_code == 200


TOTAL = "query($id: ID!) { athlete(id: $id) { activities { totalCount } } }"


async def test_time_in_the_database_is_charged_where_objects_are_fewer(settings, db):
    person = make.create_person(db)
    dear = {"cost_per_database_ms": 5000, "cache": "off"}
    async with serve(settings.model_copy(update=dear)) as api:
        computed = "{ standardDistances { label } }"
        first, second = [(await api.answer(computed))["extensions"]["cost"] for _ in range(2)]
        assert first["work"] > second["work"] > 0, "who brings a query pays for its plan"
        for ask in (api.answer, api.answer_unplanned):
            cost = (await ask(TOTAL, person.token, id=person.id))["extensions"]["cost"]
            assert cost["requested"] == 2
        plain = "query($id: ID!) { athlete(id: $id) { id } }"
        await api.answer(plain, person.token, id=person.id)
        found = (await api.answer(plain, person.token, id=person.id))["extensions"]["cost"]
        db.exec_driver_sql(_MANY_RUNS, {"athlete": person.athlete_id})
        cost = (await api.answer(TOTAL, person.token, id=person.id))["extensions"]["cost"]
        assert cost["work"] > 1000 > cost["requested"] >= cost["actual"]
        assert found["work"] < cost["work"] / 2, "one row is found by its id"
        assert cost["remaining"] <= cost["limit"] - cost["actual"] - cost["work"]


_MANY_RUNS = """
    INSERT INTO activities (athlete_id, source, name, sport_type, started_at, started_at_local,
        timezone, distance_m, moving_time_s, elapsed_time_s, visibility, streams_state)
    SELECT %(athlete)s, 'FILE', 'Run ' || n, 'Run', now(), now(), 'UTC', 5000, 1500, 1500,
        'EVERYONE', 'ABSENT' FROM generate_series(1, 5000) n
"""


async def test_a_caller_without_time_in_the_database_is_told_when_to_come_again(settings, db):
    person, other = make.create_person(db), make.create_person(db)
    db.exec_driver_sql(_MANY_RUNS, {"athlete": person.athlete_id})
    little = {"database_time_user_ms": 1, "database_time_refill_user_ms_per_s": 0.1, "cache": "off"}
    async with serve(settings.model_copy(update=little)) as api:
        for _ in range(50):
            response = await api.post(TOTAL, person.token, id=person.id)
            if response.status_code != 200:
                break
        [error] = response.json()["errors"]
        assert response.status_code == 429
        assert error["extensions"]["code"] == "DATABASE_TIME_EXHAUSTED"
        assert int(response.headers["retry-after"]) == error["extensions"]["retryAfterSeconds"] > 0
        assert (await api.post(TOTAL, other.token, id=other.id)).status_code == 200
        metrics = (await api.http.get("/metrics")).text
        assert 'pacegraph_refused_total{limit="database_time"} 1.0' in metrics


async def test_an_operation_that_works_for_too_long_ends_and_is_charged(settings, db):
    person = make.create_person(db)
    db.exec_driver_sql(_MANY_RUNS, {"athlete": person.athlete_id})
    impatient = {"operation_database_time_s": 0.1, "cost_per_database_ms": 250, "cache": "off"}
    # some 8 s of work if nothing ended it: a busy machine looks at it late
    names = " ".join(f'a{n}: activities(filter: {{ nameContains: "no {n}" }}) {{ totalCount }}' for n in range(25))  # fmt: skip
    hard = f"query($id: ID!) {{ athlete(id: $id) {{ activities(first: 100) {{ nodes {{ athlete {{ {names} }} }} }} }} }}"
    async with serve(settings.model_copy(update=impatient)) as api:
        response = await api.post(hard, person.token, id=person.id)
        [error] = response.json()["errors"]
        assert (response.status_code, error["extensions"]["code"]) == (503, "TIMEOUT")
        cost = response.json()["extensions"]["cost"]
        assert cost["work"] > 250 * 100 > cost["requested"] == cost["actual"]
        assert "pacegraph_statements_cancelled_total 1.0" in (await api.http.get("/metrics")).text
