"""Starting and steering jobs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from db.statements.activities.source_retention import FOR_RETENTION
from db.statements.strava.nightly_sync import FOR_NIGHT
from db.statements.strava.sync_problem import FOR_PROBLEMS
from graph.global_id import encode_id
from jobs.enqueue import queued_ids
from tests import factories as make
from tests.graph.test_mutation import content, mutate, refusal

pytestmark = pytest.mark.anyio

SYNC = "job { id kind status athlete { id } } alreadyRunning taskId status"
STEER = "job { id status error { code } finishedAt }"


@pytest.fixture
def caller(db):
    caller = make.create_person(db)
    make.create_connection(db, caller.athlete_id)
    return caller


async def sync(api, caller, **given):
    return await mutate(api, "syncStrava", caller.token, SYNC, athleteId=caller.id, **given)


async def test_a_sync_is_queued(api, caller):
    payload = await sync(api, caller)
    assert payload["job"] == {
        "id": payload["taskId"],
        "kind": "STRAVA_SYNC",
        "status": "QUEUED",
        "athlete": {"id": caller.id},
    }
    assert (payload["alreadyRunning"], payload["status"]) == (False, "queued")


async def test_a_second_sync_is_the_first_one(api, caller):
    first, *others = await asyncio.gather(*(sync(api, caller) for _ in range(8)))
    assert {each["taskId"] for each in others} == {first["taskId"]}
    assert sorted(each["alreadyRunning"] for each in (first, *others)) == [False] + [True] * 7


async def test_the_same_key_gives_the_same_job_even_when_it_has_ended(api, db, caller):
    first = await sync(api, caller, idempotencyKey="monday")
    db.exec_driver_sql("UPDATE jobs SET status = 'SUCCEEDED', finished_at = now()")
    again = await sync(api, caller, idempotencyKey="monday")
    assert (again["taskId"], again["alreadyRunning"]) == (first["taskId"], False)
    assert (await sync(api, caller, idempotencyKey="tuesday"))["taskId"] != first["taskId"]


async def test_a_key_is_ones_own(api, db, caller):
    other = make.create_person(db)
    make.create_connection(db, other.athlete_id)
    first, second = (
        await sync(api, caller, idempotencyKey="k"),
        await sync(api, other, idempotencyKey="k"),
    )
    assert first["taskId"] != second["taskId"]


async def test_who_is_not_connected_cannot_sync(api, db):
    caller = make.create_person(db)
    before = content(db)
    assert refusal(await mutate(api, "syncStrava", caller.token, athleteId=caller.id)) == (
        ["input", "athleteId"],
        "NOT_CONNECTED",
    )
    assert content(db) == before


async def test_what_to_sync_is_kept_with_the_job(api, db, caller):
    activity = make.create_activity(db, caller.athlete_id, strava_id=987)
    given = {"activityId": encode_id("Activity", activity), "mode": "FULL", "since": "2026-01-01"}
    await sync(api, caller, **given)
    kept = db.exec_driver_sql("SELECT arguments FROM jobs").scalar_one()
    assert kept == {"mode": "FULL", "activity_id": 987, "since": "2026-01-01", "until": None}


async def test_a_first_day_in_the_future_is_the_callers_error(api, db, caller):
    """Not before it has begun everywhere; today's is none, wherever the athlete is."""
    now = datetime.now(UTC)
    payload = await sync(api, caller, since=(now + timedelta(days=2)).date().isoformat())
    assert payload["userErrors"][0]["field"] == ["input", "since"]
    assert "future" in payload["userErrors"][0]["message"]
    assert payload["job"] is None
    begun = (now + timedelta(hours=13, minutes=59)).date().isoformat()
    assert (await sync(api, caller, since=begun))["userErrors"] == []


async def test_a_job_says_what_it_left_out(api, db, caller):
    job = make.create_job(db, caller.athlete_id)
    make.create_job_problem(db, job, caller.athlete_id, strava_id=2**63 - 1)
    query = "query($id: ID!) { job(id: $id) { problems { stravaId code message } } }"
    answer = await api.ask(query, caller.token, id=encode_id("Job", job))
    assert answer["job"]["problems"] == [
        {
            "stravaId": str(2**63 - 1),
            "code": "STRAVA_UNAVAILABLE",
            "message": "Strava does not answer when asked for this activity.",
        }
    ]


@pytest.mark.parametrize("by", ["id", "stravaId"])
async def test_an_activity_is_named_by_one_of_its_ids(api, db, caller, by):
    activity = make.create_activity(db, caller.athlete_id, strava_id=987)
    given = {"id": encode_id("Activity", activity), "stravaId": "987"}
    await sync(api, caller, activity={by: given[by]})
    assert db.exec_driver_sql("SELECT arguments FROM jobs").scalar_one()["activity_id"] == 987


@pytest.mark.parametrize(
    ("activity", "field", "code"),
    [
        ({}, "input.activity", "BAD_USER_INPUT"),
        ({"id": "x", "stravaId": "1"}, "input.activity", "BAD_USER_INPUT"),
        ({"stravaId": None}, "input.activity.stravaId", "BAD_USER_INPUT"),
        ({"stravaId": "run"}, "input.activity.stravaId", "INVALID"),
        ({"stravaId": ""}, "input.activity.stravaId", "INVALID"),
        ({"id": "x"}, "input.activity.id", "INVALID"),
        ({"id": encode_id("Activity", 2**62)}, "input.activity.id", "NOT_FOUND"),
    ],
)
async def test_no_activity_or_two_are_refused(api, db, caller, activity, field, code):
    query = """mutation($input: SyncStravaInput!) { syncStrava(input: $input) {
        job { id } userErrors { field code } } }"""
    answer = await api.answer(
        query, caller.token, input={"athleteId": caller.id, "activity": activity}
    )
    if "errors" in answer:
        [error] = answer["errors"]
        assert (error["extensions"]["field"], error["extensions"]["code"]) == (field, code)
        assert "exactly one field" in error["message"]
    else:
        assert answer["data"]["syncStrava"] == {
            "job": None,
            "userErrors": [{"field": field.split("."), "code": code}],
        }
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 0


@pytest.mark.parametrize("given", ["987", str(2**63 - 1)], ids=["number", "largest"])
async def test_an_activity_may_be_named_by_stravas_number(api, db, caller, given):
    await sync(api, caller, activityId=given)
    assert db.exec_driver_sql("SELECT arguments ->> 'activity_id' FROM jobs").scalar_one() == given


@pytest.mark.parametrize(
    "given", ["0", str(2**63), "-1", "٣"], ids=["zero", "too-large", "negative", "arabic"]
)
async def test_what_is_no_number_of_stravas_is_refused(api, caller, given):
    payload = await sync(api, caller, activityId=given)
    assert payload["userErrors"][0]["field"] == ["input", "activityId"]


@pytest.mark.parametrize(
    ("given", "field"),
    [({"activity": {"stravaId": "987"}}, "activity"), ({"activityId": "987"}, "activityId")],
)
async def test_an_activity_that_was_deleted_here_is_not_synced(api, db, caller, given, field):
    make.create_deleted_activity(db, make.create_athlete(db), strava_id=988)
    make.create_deleted_activity(db, caller.athlete_id, strava_id=987)
    payload = await sync(api, caller, **given)
    assert refusal(payload) == (["input", field], "CONFLICT")
    assert "restoreActivity" in payload["userErrors"][0]["message"]
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 0
    await sync(api, caller, activity={"stravaId": "988"})  # another athlete's
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 1


async def test_anothers_activity_is_not_synced(api, db, caller):
    foreign = encode_id("Activity", make.create_activity(db))
    assert refusal(await sync(api, caller, activityId=foreign)) == (
        ["input", "activityId"],
        "NOT_FOUND",
    )


@pytest.mark.parametrize("status", ["QUEUED", "WAITING"])
async def test_a_job_that_does_not_run_is_cancelled_at_once(api, db, caller, status):
    job = encode_id("Job", make.create_job(db, caller.athlete_id, status=status))
    payload = await mutate(api, "cancelJob", caller.token, STEER, id=job)
    assert (payload["job"]["status"], payload["job"]["error"]) == (
        "CANCELLED",
        {"code": "CANCELLED"},
    )


async def test_a_running_job_is_asked_to_stop(api, db, caller):
    job = encode_id("Job", make.create_job(db, caller.athlete_id, status="RUNNING"))
    payload = await mutate(api, "cancelJob", caller.token, STEER, id=job)
    assert payload["job"]["status"] == "RUNNING"
    assert db.exec_driver_sql("SELECT cancel_requested FROM jobs").scalar_one()


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELLED"])
async def test_what_has_ended_is_not_cancelled(api, db, caller, status):
    job = encode_id("Job", make.create_job(db, caller.athlete_id, status=status))
    assert refusal(await mutate(api, "cancelJob", caller.token, id=job)) == (
        ["input", "id"],
        "CONFLICT",
    )


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_a_job_that_did_not_succeed_is_tried_again(api, db, caller, redis_url, status):
    job = make.create_job(db, caller.athlete_id, status=status)
    payload = await mutate(api, "retryJob", caller.token, STEER, id=encode_id("Job", job))
    assert payload["job"] == {
        "id": encode_id("Job", job),
        "status": "QUEUED",
        "error": None,
        "finishedAt": None,
    }
    with Redis.from_url(redis_url) as redis:
        assert queued_ids(redis) == {job}


@pytest.mark.parametrize("status", ["SUCCEEDED", "QUEUED", "RUNNING", "WAITING"])
async def test_no_other_job_is_tried_again(api, db, caller, status):
    job = encode_id("Job", make.create_job(db, caller.athlete_id, status=status))
    assert refusal(await mutate(api, "retryJob", caller.token, id=job)) == (
        ["input", "id"],
        "CONFLICT",
    )


async def test_no_job_is_tried_again_while_another_of_its_kind_is_active(api, db, caller):
    failed = encode_id("Job", make.create_job(db, caller.athlete_id, status="FAILED"))
    make.create_job(db, caller.athlete_id, status="RUNNING")
    assert refusal(await mutate(api, "retryJob", caller.token, id=failed)) == (
        ["input", "id"],
        "CONFLICT",
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    {"recalculatePersonalBests": "PERSONAL_BESTS", "recalculateAgeGrades": "AGE_GRADES"}.items(),
)
async def test_only_admins_recalculate_for_all(api, db, caller, name, kind):
    assert refusal(await mutate(api, name, caller.token)) == (None, "FORBIDDEN")
    payload = await mutate(api, name, make.create_admin(db).token, "job { kind athlete { id } }")
    assert payload["job"] == {"kind": kind, "athlete": None}


@pytest.mark.parametrize(("keep", "kind"), [(True, "STRAVA_DISCONNECT"), (False, "ERASE_ATHLETE")])
async def test_disconnecting_keeps_or_erases(api, caller, keep, kind):
    payload = await mutate(
        api, "disconnectStrava", caller.token, "job { kind }", athleteId=caller.id, keepData=keep
    )
    assert payload["job"] == {"kind": kind}


async def test_an_erasure_that_a_revocation_began_is_then_the_athletes_own(api, db, caller):
    """So that it deletes also what a connection since then has brought."""
    job = make.create_job(
        db,
        caller.athlete_id,
        kind="ERASE_ATHLETE",
        status="QUEUED",
        arguments={"cause": "REVOKED"},
        live_since=make.NOON,
    )
    payload = await mutate(
        api, "disconnectStrava", caller.token, "job { id }", athleteId=caller.id, keepData=False
    )
    assert payload["job"]["id"] == encode_id("Job", job)
    row = db.exec_driver_sql("SELECT arguments, live_since FROM jobs").one()
    assert (row.arguments, row.live_since > make.NOON) == ({}, True)


async def test_a_job_shows_what_its_state_has(api, db, caller):
    job = make.create_job(
        db, caller.athlete_id, status="FAILED", progress_done=12, progress_total=48, progress_message="fetching",
        activities_created=10, activities_updated=2, personal_bests_changed=3, attempts=2,
    )  # fmt: skip
    query = """query($id: ID!) { job(id: $id) { status attempts waitingUntil
        progress { done total percent estimatedSecondsLeft message } error { code retryable }
        result { activitiesCreated activitiesUpdated activitiesDeleted personalBestsChanged } } }"""
    assert (await api.ask(query, caller.token, id=encode_id("Job", job)))["job"] == {
        "status": "FAILED",
        "attempts": 2,
        "waitingUntil": None,
        "progress": {
            "done": 12,
            "total": 48,
            "percent": 25.0,
            "estimatedSecondsLeft": None,
            "message": "fetching",
        },
        "error": {"code": "STRAVA_UNAVAILABLE", "retryable": True},
        "result": {
            "activitiesCreated": 10,
            "activitiesUpdated": 2,
            "activitiesDeleted": 0,
            "personalBestsChanged": 3,
        },
    }


@pytest.mark.parametrize(
    ("status", "done", "total", "percent"),
    [
        ("SUCCEEDED", 0, 0, 100),
        ("SUCCEEDED", 0, None, 100),
        ("SUCCEEDED", 3, 9, 100),
        ("CANCELLED", 3, 9, 100 / 3),
        ("QUEUED", 0, 0, None),
        ("QUEUED", 0, None, None),
    ],
)
async def test_a_job_that_succeeded_is_all_done(api, db, caller, status, done, total, percent):
    progress = {"progress_done": done, "progress_total": total}
    job = make.create_job(db, caller.athlete_id, status=status, **progress)
    query = "query($id: ID!) { job(id: $id) { progress { percent } } }"
    for ask in (api.answer, api.answer_unplanned):
        found = await ask(query, caller.token, id=encode_id("Job", job))
        assert found["data"]["job"]["progress"]["percent"] == pytest.approx(percent)


async def test_jobs_are_filtered_newest_first(api, db, caller):
    kinds = ["STRAVA_SYNC", "AGE_GRADES", "STRAVA_SYNC", "PERSONAL_BESTS"]
    ids = [encode_id("Job", make.create_job(db, caller.athlete_id, kind=kind)) for kind in kinds]
    query = "query($filter: JobFilter) { jobs(filter: $filter) { totalCount nodes { id } } }"

    async def found(**filter_):
        return [
            node["id"]
            for node in (await api.ask(query, caller.token, filter=filter_))["jobs"]["nodes"]
        ]

    assert await found(kinds=["STRAVA_SYNC", "AGE_GRADES"]) == [ids[2], ids[1], ids[0]]
    assert await found(kinds=[], statuses=None) == []
    assert await found(statuses=["QUEUED"]) == []
    assert await found() == ids[::-1]


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        ("QUEUED", FOR_NIGHT),
        ("WAITING", FOR_NIGHT),
        ("RUNNING", FOR_NIGHT),
        ("QUEUED", FOR_PROBLEMS),
        ("QUEUED", FOR_RETENTION),
    ],
)
async def test_a_sync_that_was_asked_for_takes_the_place_of_the_servers_own(
    api, db, caller, status, arguments
):
    """Unless it runs."""
    own = make.create_job(db, caller.athlete_id, status=status, arguments=arguments)
    db.exec_driver_sql("UPDATE strava_connections SET night_begun_at = now()")
    payload = await sync(api, caller)
    assert payload["alreadyRunning"] is (status == "RUNNING")
    ended, begun = db.exec_driver_sql(
        "SELECT j.status, c.night_begun_at FROM jobs j, strava_connections c WHERE j.id = %s",
        (own,),
    ).one()
    assert ended == ("RUNNING" if status == "RUNNING" else "CANCELLED")
    assert (begun is None) is (arguments == FOR_NIGHT and status != "RUNNING")
