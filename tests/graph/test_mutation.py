"""What holds for every mutation: refusals are data, name the input at fault, and write nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from graph.global_id import encode_id
from jobs.enqueue import queued_ids
from tests import factories as make
from tests.originals import create_original

pytestmark = pytest.mark.anyio

ERRORS = "userErrors { field code message }"
MUTATIONS = {
    "disconnectStrava": ("DisconnectStravaInput", "athlete { id } job { id }"),
    "syncStrava": ("SyncStravaInput", "job { id } alreadyRunning taskId status"),
    "stageUploads": ("StageUploadsInput", "uploads { id url name sizeBytes expiresAt }"),
    "importActivities": ("ImportActivitiesInput", "job { id }"),
    "exportAthlete": ("ExportAthleteInput", "job { id } alreadyRunning"),
    "retrySyncProblems": ("RetrySyncProblemsInput", "job { id } alreadyRunning"),
    "recalculatePersonalBests": ("RecalculateInput", "job { id }"),
    "recalculateAgeGrades": ("RecalculateInput", "job { id }"),
    "cancelJob": ("CancelJobInput", "job { id }"),
    "retryJob": ("RetryJobInput", "job { id }"),
    "updateAthlete": ("UpdateAthleteInput", "athlete { id } job { id }"),
    "excludeBestEffort": ("ExcludeBestEffortInput", "bestEffort { id } athlete { id }"),
    "updateActivity": ("UpdateActivityInput", "activity { id }"),
    "deleteActivity": ("DeleteActivityInput", "deletedActivityId athlete { id }"),
    "restoreActivity": ("RestoreActivityInput", "athlete { id }"),
    "createGear": ("CreateGearInput", "gear { id }"),
    "updateGear": ("UpdateGearInput", "gear { id }"),
    "deleteGear": ("DeleteGearInput", "deletedGearId"),
    "chooseRecording": ("ChooseRecordingInput", "activity { id }"),
    "separateRecording": ("SeparateRecordingInput", "activity { id }"),
    "deleteOriginal": ("DeleteOriginalInput", "deletedId"),
    "createApiToken": ("CreateApiTokenInput", "apiToken { id } secret"),
    "revokeApiToken": ("RevokeApiTokenInput", "apiToken { id }"),
    "submitFeedback": ("SubmitFeedbackInput", "accepted"),
}
NOTHING = {"alreadyRunning": False, "accepted": False, "uploads": []}
NEEDS_SYNC = [
    name for name in MUTATIONS if name not in {"createApiToken", "revokeApiToken", "submitFeedback"}
]
NEEDS_SIGN_IN = [name for name in MUTATIONS if name != "submitFeedback"]


async def mutate(api, name, token, selection=None, /, **given):
    type_name, usual = MUTATIONS[name]
    query = f"mutation($input: {type_name}!) {{ {name}(input: $input) {{ {selection or usual} {ERRORS} }} }}"
    return (await api.ask(query, token, input=given))[name]


def refusal(payload):
    """Field and code of the one error; all else of the payload must be empty."""
    [error] = payload["userErrors"]
    rest = {name: value for name, value in payload.items() if name != "userErrors"}
    assert rest == {name: NOTHING.get(name) for name in rest}
    assert error["message"].endswith(".")
    return error["field"], error["code"]


def content(db):
    """Every row of the tables that mutations write."""
    tables = (
        "athletes",
        "jobs",
        "uploads",
        "originals",
        "activities",
        "deleted_activities",
        "gear",
        "best_efforts",
        "personal_bests",
        "feedback",
        "strava_connections",
        "sync_problems",
    )
    rows = {name: db.exec_driver_sql(f"SELECT * FROM {name} ORDER BY id").all() for name in tables}
    tokens = db.exec_driver_sql(
        "SELECT id, name, scopes, revoked_at FROM api_tokens ORDER BY id"
    ).all()
    return rows | {"api_tokens": tokens}


def inputs_of(db, person):
    """An input for each mutation that would be accepted from `person`."""
    activity = make.create_activity(db, person.athlete_id)
    effort = make.create_best_effort(db, activity)
    again = make.create_activity(db, person.athlete_id, duplicate_of_id=activity)
    original = create_original(db, person.athlete_id, again)
    recording = {"activityId": encode_id("Activity", again)}
    job = make.create_job(db, person.athlete_id, status="QUEUED", kind="STRAVA_WEBHOOK")
    failed = make.create_job(db, person.athlete_id, status="FAILED", kind="ERASE_ATHLETE")
    make.create_connection(db, person.athlete_id)
    make.create_sync_problem(db, person)
    token_id = db.exec_driver_sql(
        "SELECT id FROM api_tokens WHERE account_id = %s", (person.account_id,)
    ).scalar_one()
    athlete = {"athleteId": person.id}
    upload = make.create_upload(db, person.athlete_id)
    gear = make.create_gear(db, person.athlete_id, strava_id=None)
    deleted = make.create_deleted_activity(db, person.athlete_id)
    return {
        "disconnectStrava": athlete | {"keepData": True},
        "syncStrava": athlete,
        "stageUploads": athlete | {"files": [{"name": "run.fit", "sizeBytes": 9}]},
        "importActivities": athlete | {"uploadIds": [encode_id("Upload", upload)]},
        "exportAthlete": athlete,
        "retrySyncProblems": athlete,
        "recalculatePersonalBests": athlete,
        "recalculateAgeGrades": athlete,
        "cancelJob": {"id": encode_id("Job", job)},
        "retryJob": {"id": encode_id("Job", failed)},
        "updateAthlete": athlete | {"sex": "FEMALE"},
        "excludeBestEffort": {"bestEffortId": encode_id("BestEffort", effort), "excluded": True},
        "updateActivity": recording | {"name": "Tempo"},
        "deleteActivity": recording,
        "restoreActivity": {"activityId": encode_id("Activity", deleted)},
        "createGear": athlete | {"name": "Fast"},
        "updateGear": {"gearId": encode_id("Gear", gear), "retired": True},
        "deleteGear": {"gearId": encode_id("Gear", gear)},
        "chooseRecording": recording,
        "separateRecording": recording,
        "deleteOriginal": {"id": encode_id("Original", original)},
        "createApiToken": {"name": "mine", "scopes": ["SYNC"]},
        "revokeApiToken": {"id": encode_id("ApiToken", token_id)},
        "submitFeedback": {"message": "It is good.", "contact": "rui@example.com"},
    }


def subject(given):
    names = ("athleteId", "bestEffortId", "activityId", "gearId", "id")
    return next(name for name in names if name in given)


@pytest.fixture(scope="module")
def owner(shared_db):
    """Shares what others may see."""
    return make.create_person(shared_db, shares=True)


@pytest.fixture(scope="module")
def inputs(shared_db, owner):
    """For tests that are refused: so all find the same."""
    return inputs_of(shared_db, owner)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_owners_may(shared_api, shared_db, name):
    person = make.create_person(shared_db)
    given = inputs_of(shared_db, person)[name]
    before = content(shared_db)
    payload = await mutate(shared_api, name, person.token, **given)
    assert payload["userErrors"] == []
    assert None not in payload.values()
    assert content(shared_db) != before


@pytest.mark.parametrize("name", [name for name in NEEDS_SIGN_IN if name != "createApiToken"])
async def test_admins_may_for_anybody(shared_api, shared_db, name):
    person, admin = make.create_person(shared_db), make.create_admin(shared_db)
    given = inputs_of(shared_db, person)[name]
    assert (await mutate(shared_api, name, admin.token, **given))["userErrors"] == []


@pytest.mark.parametrize("name", NEEDS_SIGN_IN)
async def test_who_is_signed_out_is_refused(shared_api, shared_db, inputs, name):
    before = content(shared_db)
    payload = await mutate(shared_api, name, None, **inputs[name])
    assert refusal(payload) == (None, "UNAUTHENTICATED")
    assert content(shared_db) == before


@pytest.fixture(scope="module")
def reader(shared_db):
    person = make.create_person(shared_db, scopes=("read",))
    return person, inputs_of(shared_db, person)


@pytest.mark.parametrize("name", NEEDS_SYNC)
async def test_a_token_that_may_only_read_is_refused(shared_api, shared_db, reader, name):
    person, inputs = reader
    before = content(shared_db)
    payload = await mutate(shared_api, name, person.token, **inputs[name])
    assert refusal(payload) == (None, "FORBIDDEN")
    assert content(shared_db) == before


@pytest.mark.parametrize("name", [name for name in NEEDS_SIGN_IN if name != "createApiToken"])
async def test_what_is_anothers_is_as_if_absent(
    shared_api, shared_sharing_api, shared_db, inputs, name
):
    stranger, given = make.create_person(shared_db), inputs[name]
    before = content(shared_db)
    type_name = {
        "athleteId": "Athlete",
        "bestEffortId": "BestEffort",
        "activityId": "Activity",
        "gearId": "Gear",
    }.get(subject(given), "Job")
    type_name = {"revokeApiToken": "ApiToken", "deleteOriginal": "Original"}.get(name, type_name)
    nothing = given | {subject(given): encode_id(type_name, 10**6)}
    for server in (shared_api, shared_sharing_api):
        foreign = await mutate(server, name, stranger.token, **given)
        absent = await mutate(server, name, stranger.token, **nothing)
        assert refusal(foreign) == (["input", subject(given)], "NOT_FOUND")
        assert absent == foreign
    assert content(shared_db) == before


NO_IDS = ("", "x", encode_id("Shoe", 1), encode_id("PersonalBest", 1))


@pytest.mark.parametrize("name", [name for name in NEEDS_SIGN_IN if name != "createApiToken"])
async def test_what_is_no_id_is_refused(shared_api, shared_db, owner, inputs, name):
    given, before = inputs[name], content(shared_db)
    for bad in NO_IDS:
        payload = await mutate(shared_api, name, owner.token, **given | {subject(given): bad})
        assert refusal(payload) == (["input", subject(given)], "INVALID"), bad
    assert content(shared_db) == before


LONG = "x" * 5001
SOON = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
BAD_INPUTS = {
    "name-too-long": ("updateAthlete", {"firstName": "x" * 101}, "firstName"),
    "name-null": ("updateAthlete", {"firstName": None}, "firstName"),
    "units-null": ("updateAthlete", {"measurementSystem": None}, "measurementSystem"),
    "sharing-null": ("updateAthlete", {"shares": None}, "shares"),
    "name-with-nul": ("updateAthlete", {"lastName": "a\x00b"}, "lastName"),
    "country-too-long": ("updateAthlete", {"country": LONG}, "country"),
    "born-in-the-future": ("updateAthlete", {"birthDate": "2199-01-01"}, "birthDate"),
    "sync-key-empty": ("syncStrava", {"idempotencyKey": " "}, "idempotencyKey"),
    "sync-key-too-long": ("syncStrava", {"idempotencyKey": "k" * 201}, "idempotencyKey"),
    "sync-days-swapped": ("syncStrava", {"since": "2026-02-01", "until": "2026-01-01"}, "since"),
    "sync-of-no-id": ("syncStrava", {"activityId": "run"}, "activityId"),
    "token-without-name": ("createApiToken", {"name": "  "}, "name"),
    "token-name-too-long": ("createApiToken", {"name": "x" * 101}, "name"),
    "token-expired": ("createApiToken", {"expiresAt": SOON}, "expiresAt"),
    "token-for-ever": ("createApiToken", {"expiresAt": "9999-12-31T00:00:00Z"}, "expiresAt"),
    "feedback-empty": ("submitFeedback", {"message": "\n "}, "message"),
    "feedback-too-long": ("submitFeedback", {"message": LONG}, "message"),
    "feedback-nul": ("submitFeedback", {"message": "\x00"}, "message"),
    "contact-too-long": ("submitFeedback", {"contact": "x" * 201}, "contact"),
}


@pytest.mark.parametrize(("name", "bad", "field"), BAD_INPUTS.values(), ids=BAD_INPUTS)
async def test_a_bad_value_is_refused_by_its_field(
    shared_api, shared_db, owner, inputs, name, bad, field
):
    before = content(shared_db)
    payload = await mutate(shared_api, name, owner.token, **inputs[name] | bad)
    assert refusal(payload) == (["input", field], "INVALID")
    assert content(shared_db) == before


async def test_feedback_needs_no_sign_in(api, db):
    given = {"message": "  It is good. ", "contact": " "}
    assert await mutate(api, "submitFeedback", None, **given) == {
        "accepted": True,
        "userErrors": [],
    }
    kept = db.exec_driver_sql("SELECT message, contact, account_id FROM feedback").one()
    assert kept == ("It is good.", None, None)


async def test_a_jobs_id_reaches_the_queue_after_the_row_is_there(api, db, redis_url):
    person = make.create_person(db)
    make.create_connection(db, person.athlete_id)
    await mutate(api, "syncStrava", person.token, athleteId=person.id)
    with Redis.from_url(redis_url) as redis:
        assert queued_ids(redis) == {
            db.exec_driver_sql("SELECT id FROM jobs WHERE status = 'QUEUED'").scalar_one()
        }
