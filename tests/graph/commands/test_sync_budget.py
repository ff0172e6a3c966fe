"""`syncStrava` while the athlete's budget of syncs is used up."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests import factories as make
from tests.graph.test_mutation import content, mutate

pytestmark = pytest.mark.anyio

SYNC = "job { id } alreadyRunning"


@pytest.fixture
def caller(db):
    caller = make.create_person(db)
    make.create_connection(db, caller.athlete_id)
    return caller


def spend(db, athlete_id: int, level: float = 0.0) -> None:
    db.execute(
        text("INSERT INTO sync_budgets VALUES (:id, :level, now())"),
        {"id": athlete_id, "level": level},
    )
    db.commit()


async def sync(api, caller, **given):
    errors = "userErrors { field code message retryAt }"
    return await mutate(
        api, "syncStrava", caller.token, f"{SYNC} {errors}", athleteId=caller.id, **given
    )


async def test_it_is_refused_and_says_when_to_try_again(api, db, caller):
    spend(db, caller.athlete_id, 0.5)
    before = content(db)
    payload = await sync(api, caller, activityId="987", idempotencyKey="k")
    [error] = payload["userErrors"]
    assert (payload["job"], error["code"]) == (None, "RATE_LIMITED")
    retry_at = datetime.fromisoformat(error["retryAt"])
    # half a request, of 20 an hour
    assert timedelta(seconds=80) < retry_at - datetime.now(UTC) < timedelta(seconds=91)
    assert f"{retry_at:%Y-%m-%dT%H:%M}" in error["message"]
    assert content(db) == before  # not even the key


async def test_a_sync_under_way_is_found_all_the_same(api, db, caller):
    first = await sync(api, caller)
    spend(db, caller.athlete_id)
    again = await sync(api, caller)
    assert again["job"] == first["job"]
    assert again["alreadyRunning"]


async def test_it_is_the_athletes_own_budget(api, db, caller):
    other = make.create_person(db)
    make.create_connection(db, other.athlete_id)
    spend(db, caller.athlete_id)
    assert (await sync(api, other))["userErrors"] == []
