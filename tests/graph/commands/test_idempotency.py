"""A mutation repeated with its idempotency key has no second effect."""

import asyncio

import pytest
from graphql import get_named_type

from graph.global_id import encode_id
from graph.schema.build import build_schema
from tests import factories as make
from tests.graph.test_mutation import mutate, refusal

pytestmark = pytest.mark.anyio

FIELD = ["input", "idempotencyKey"]


@pytest.fixture
def caller(db):
    caller = make.create_person(db)
    make.create_connection(db, caller.athlete_id)
    return caller


def end_jobs(db) -> None:
    db.exec_driver_sql(
        "UPDATE jobs SET status = 'SUCCEEDED', finished_at = now(), lease_until = NULL"
    )


def count(db, table: str) -> int:
    return db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()


WITHOUT_KEY = {
    "cancelJob", "connectStrava", "chooseRecording", "deleteActivity", "deleteGear",
    "deleteOriginal", "excludeBestEffort", "revokeApiToken", "separateRecording", "updateActivity",
    "updateGear",
}  # fmt: skip
"""Mutations that set or delete what is named, so once more changes nothing."""


def test_each_mutation_that_makes_something_takes_a_key():
    fields = build_schema().core.mutation_type.fields
    without = {
        name
        for name, field in fields.items()
        if "idempotencyKey" not in get_named_type(field.args["input"].type).fields
    }
    assert without == WITHOUT_KEY


STARTERS = ["syncStrava", "disconnectStrava", "recalculatePersonalBests", "recalculateAgeGrades"]


@pytest.mark.parametrize("name", STARTERS)
async def test_a_repeated_request_starts_no_second_job(api, db, caller, name):
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    first = await mutate(api, name, caller.token, "job { id }", **given)
    end_jobs(db)
    again = await mutate(api, name, caller.token, "job { id }", **given)
    assert again == first
    assert first["job"] is not None
    assert count(db, "jobs") == 1


OTHER_INPUT = {
    "syncStrava": {"mode": "FULL"},
    "disconnectStrava": {"keepData": True},
    "createApiToken": {"name": "other"},
    "submitFeedback": {"message": "other"},
}


@pytest.mark.parametrize("name", OTHER_INPUT)
async def test_another_request_with_a_used_key_is_refused(api, db, caller, name):
    given = {
        "createApiToken": {"name": "one", "scopes": ["READ"]},
        "submitFeedback": {"message": "one"},
    }.get(name, {"athleteId": caller.id}) | {"idempotencyKey": "k"}
    assert (await mutate(api, name, caller.token, **given))["userErrors"] == []
    end_jobs(db)
    before = [count(db, table) for table in ("jobs", "api_tokens", "feedback")]
    refused = await mutate(api, name, caller.token, **given | OTHER_INPUT[name])
    assert refusal(refused) == (FIELD, "CONFLICT")
    assert [count(db, table) for table in ("jobs", "api_tokens", "feedback")] == before


async def test_another_mutation_with_a_used_key_is_refused(api, caller):
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    await mutate(api, "recalculateAgeGrades", caller.token, **given)
    refused = await mutate(api, "recalculatePersonalBests", caller.token, **given)
    assert refusal(refused) == (FIELD, "CONFLICT")


async def test_a_key_sent_while_another_sync_runs_is_kept(api, db, caller):
    running = await mutate(api, "syncStrava", caller.token, athleteId=caller.id)
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    first = await mutate(api, "syncStrava", caller.token, **given)
    assert (first["taskId"], first["alreadyRunning"]) == (running["taskId"], True)
    end_jobs(db)
    again = await mutate(api, "syncStrava", caller.token, **given)
    assert again["taskId"] == running["taskId"]
    assert count(db, "jobs") == 1


async def test_a_key_expires(api, db, caller):
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    first = await mutate(api, "syncStrava", caller.token, **given)
    end_jobs(db)
    db.exec_driver_sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    again = await mutate(api, "syncStrava", caller.token, **given | {"mode": "FULL"})
    assert again["taskId"] != first["taskId"]


async def test_equal_requests_at_once_start_one_job(api, db, caller):
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    made = await asyncio.gather(
        *(mutate(api, "syncStrava", caller.token, **given) for _ in range(8))
    )
    assert len({each["taskId"] for each in made}) == 1
    assert count(db, "jobs") == 1


async def test_a_refused_request_does_not_use_its_key(api, db):
    caller = make.create_person(db)  # not connected
    given = {"athleteId": caller.id, "idempotencyKey": "k"}
    refused = await mutate(api, "syncStrava", caller.token, **given)
    assert refusal(refused)[1] == "NOT_CONNECTED"
    make.create_connection(db, caller.athlete_id)
    assert (await mutate(api, "syncStrava", caller.token, **given))["job"]


async def test_a_token_is_created_once_and_its_secret_shown_once(api, db, caller):
    given = {"name": "laptop", "scopes": ["READ"], "idempotencyKey": "k"}
    selection = "apiToken { id } secret alreadyCreated"
    first = await mutate(api, "createApiToken", caller.token, selection, **given)
    before = count(db, "api_tokens")
    again = await mutate(api, "createApiToken", caller.token, selection, **given)
    assert first["secret"]
    assert first["alreadyCreated"] is False
    assert again["apiToken"] == first["apiToken"]
    assert (again["secret"], again["alreadyCreated"], again["userErrors"]) == (None, True, [])
    assert count(db, "api_tokens") == before


async def test_a_job_is_retried_once(api, db, caller):
    job = encode_id("Job", make.create_job(db, caller.athlete_id, status="FAILED"))
    given = {"id": job, "idempotencyKey": "k"}
    first = await mutate(api, "retryJob", caller.token, "job { id status }", **given)
    assert first["job"]["status"] == "QUEUED"
    end_jobs(db)
    again = await mutate(api, "retryJob", caller.token, "job { id status }", **given)
    assert again["job"] == {"id": job, "status": "SUCCEEDED"}
    assert again["userErrors"] == []


@pytest.mark.parametrize("changed", [{"sex": "FEMALE"}, {"city": "Porto"}], ids=["job", "no-job"])
async def test_an_athlete_is_changed_once(api, db, caller, changed):
    """What was changed since is not changed back, and no second job starts."""
    given = {"athleteId": caller.id, "idempotencyKey": "k", **changed}
    selection = "athlete { sex city } job { id }"
    first = await mutate(api, "updateAthlete", caller.token, selection, **given)
    end_jobs(db)
    since = {"athleteId": caller.id, **dict.fromkeys(changed)}
    await mutate(api, "updateAthlete", caller.token, **since)
    end_jobs(db)
    before = count(db, "jobs")
    again = await mutate(api, "updateAthlete", caller.token, selection, **given)
    assert again["userErrors"] == []
    assert again["job"] == first["job"]
    assert [again["athlete"][name] for name in changed] == [None]
    assert count(db, "jobs") == before
    refused = await mutate(api, "updateAthlete", caller.token, **given | {"city": "Braga"})
    assert refusal(refused) == (FIELD, "CONFLICT")


async def test_feedback_is_kept_once_signed_in_or_out(api, db, caller):
    given = {"message": "Good.", "idempotencyKey": "k"}
    for token in (None, None, caller.token, caller.token):
        assert (await mutate(api, "submitFeedback", token, **given))["accepted"]
    assert count(db, "feedback") == 2  # a key is its caller's own
