"""`Athlete.syncProblems`, and `retrySyncProblems`, which tries them now."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.test_mutation import mutate, refusal

pytestmark = pytest.mark.anyio

RETRY = "job { id kind status } alreadyRunning"
PROBLEMS = (
    "query($id: ID!) { athlete(id: $id) { syncProblems { activity { id } stravaId code message since tries triedAt "
    "nextTryAt } } }"
)
DUE = "SELECT strava_id FROM sync_problems WHERE next_try_at <= now() AND is_asked_for ORDER BY 1"


@pytest.fixture
def caller(db):
    caller = make.create_person(db)
    make.create_connection(db, caller.athlete_id)
    return caller


async def retry(api, caller, **given):
    return await mutate(api, "retrySyncProblems", caller.token, RETRY, athleteId=caller.id, **given)


def due(db) -> list[int]:
    return list(db.exec_driver_sql(DUE).scalars())


async def test_problems_say_what_happened_since_when_and_when_it_is_tried_again(api, db, caller):
    activity = make.create_activity(db, caller.athlete_id, strava_id=987)
    times = {
        name: datetime(2026, 3, day, 12, tzinfo=UTC)
        for day, name in enumerate(("since", "tried_at", "next_try_at"), start=1)
    }
    make.create_sync_problem(db, caller, 987, activity_id=activity, tries=4, **times)
    make.create_sync_problem(
        db, caller, None, next_try_at=None, since=times["since"] - timedelta(days=1)
    )
    answer = await api.ask(PROBLEMS, caller.token, id=caller.id)
    nameless, problem = answer["athlete"]["syncProblems"]
    assert problem == {
        "activity": {"id": encode_id("Activity", activity)},
        "stravaId": "987",
        "code": "STRAVA_UNAVAILABLE",
        "message": "Strava does not answer when asked for this activity.",
        "since": "2026-03-01T12:00:00Z",
        "tries": 4,
        "triedAt": "2026-03-02T12:00:00Z",
        "nextTryAt": "2026-03-03T12:00:00Z",
    }
    assert (nameless["stravaId"], nameless["activity"], nameless["nextTryAt"]) == (None, None, None)


async def test_problems_are_the_athletes_alone(api, db, caller):
    make.create_sync_problem(db, caller)
    other = make.create_person(db)
    db.exec_driver_sql("UPDATE athletes SET shares = true")
    api_with_sharing = await api.ask(PROBLEMS, other.token, id=caller.id)
    assert api_with_sharing["athlete"] in (None, {"syncProblems": []})


async def test_all_problems_are_tried_now(api, db, caller):
    for strava_id in (1, 2, None):
        make.create_sync_problem(db, caller, strava_id)
    payload = await retry(api, caller)
    assert (payload["job"]["kind"], payload["job"]["status"]) == ("STRAVA_SYNC", "QUEUED")
    assert payload["alreadyRunning"] is False
    assert due(db) == [1, 2]
    assert db.exec_driver_sql("SELECT arguments FROM jobs").scalar_one() == {"cause": "problems"}


async def test_one_problem_is_tried_now(api, db, caller):
    for strava_id in (1, 2**63 - 1):
        make.create_sync_problem(db, caller, strava_id)
    await retry(api, caller, stravaId=str(2**63 - 1))
    assert due(db) == [2**63 - 1]


async def test_while_a_sync_runs_they_are_tried_after_it(api, db, caller):
    make.create_sync_problem(db, caller)
    running = make.create_job(db, caller.athlete_id, status="RUNNING")
    payload = await retry(api, caller)
    assert (payload["job"]["id"], payload["alreadyRunning"]) == (encode_id("Job", running), True)
    assert due(db) == [4711]


async def test_a_nights_sync_that_waits_makes_way(api, db, caller):
    make.create_sync_problem(db, caller)
    nightly = {"mode": "FULL", "cause": "nightly"}
    waiting = make.create_job(db, caller.athlete_id, status="WAITING", arguments=nightly)
    db.exec_driver_sql("UPDATE strava_connections SET night_begun_at = now()")
    payload = await retry(api, caller)
    assert payload["alreadyRunning"] is False
    statuses = dict(db.exec_driver_sql("SELECT id, status FROM jobs").all())
    assert statuses.pop(waiting) == "CANCELLED"
    assert list(statuses.values()) == ["QUEUED"]
    # the night begins its own once more
    begun = db.exec_driver_sql("SELECT night_begun_at FROM strava_connections").scalar_one()
    assert begun is None


async def test_the_same_key_tries_once(api, db, caller):
    make.create_sync_problem(db, caller)
    first = await retry(api, caller, idempotencyKey="k")
    db.exec_driver_sql("UPDATE jobs SET status = 'SUCCEEDED', finished_at = now()")
    db.exec_driver_sql("DELETE FROM sync_problems")
    again = await retry(api, caller, idempotencyKey="k")
    assert (again["job"]["id"], again["userErrors"]) == (first["job"]["id"], [])


@pytest.mark.parametrize("given", ["0", str(2**63), "-1", "٣", "", "1" * 5000])
async def test_what_is_no_number_of_stravas_is_refused(api, caller, given):
    payload = await retry(api, caller, stravaId=given)
    assert payload["userErrors"][0]["field"] == ["input", "stravaId"]
    assert payload["job"] is None


async def test_what_is_no_problem_is_refused_and_starts_nothing(api, db, caller):
    assert refusal(await retry(api, caller)) == (["input", "athleteId"], "CONFLICT")
    make.create_sync_problem(db, caller, None, next_try_at=None)
    assert refusal(await retry(api, caller)) == (["input", "athleteId"], "CONFLICT")
    assert refusal(await retry(api, caller, stravaId="5")) == (["input", "stravaId"], "NOT_FOUND")
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 0


async def test_without_a_connection_it_is_refused(api, db):
    caller = make.create_person(db)
    assert refusal(await retry(api, caller)) == (["input", "athleteId"], "NOT_CONNECTED")
