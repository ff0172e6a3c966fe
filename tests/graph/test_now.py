"""`now` tells the server's clock, beside answers of the cache too, and is a position for subscriptions."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.plan.both_ways import Both, caller, using_database

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def test_it_is_the_time_of_each_answer_also_beside_what_the_cache_has(shared_api, shared_db):
    person = make.create_person(shared_db)
    query = "query($id: ID!) { now then: now athlete(id: $id) { displayName } }"
    athlete = encode_id("Athlete", person.athlete_id)
    told = []
    for _ in range(3):
        before = datetime.now(UTC)
        found = (await shared_api.answer(query, person.token, id=athlete))["data"]
        at, then = (datetime.fromisoformat(found[name]) for name in ("now", "then"))
        assert before <= at <= then <= datetime.now(UTC)
        assert then - at < timedelta(seconds=1)
        told.append(at)
    assert told == sorted(set(told))


def test_it_has_a_plan(population_url, population):
    with using_database(population_url) as (runner, database):
        both = Both(database, caller("signed out", population))
        planned, expected = runner.run(both.answers("{ a: now __typename }", {}))
        assert planned == expected
        assert b'{"a":"2026-11-30T00:00:00Z","__typename":"Query"}' in expected
