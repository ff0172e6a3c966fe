"""Tasks: syncs and recalculations, asked for as the older service was, run by real workers."""

import time

import httpx
import pytest
from redis import Redis

from graph.global_id import encode_id
from legacy.rest.models import TaskState
from legacy.rest.uuids import uuid_of
from tests import factories as make
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, simulated_strava
from tests.jobs.world import World
from tests.web.api_process import api_process

pytestmark = pytest.mark.anyio


async def sync(rest, token: str | None, **arguments):
    return await rest.send("POST", "/strava/sync", token, **arguments)


async def test_a_sync_is_a_job_and_the_same_while_it_runs(rest, people):
    first = await sync(rest, people.owner.token)
    assert first.status_code == 200
    assert first.json().keys() == {"task_id", "status"}
    assert first.json()["status"] == "queued"
    again = await sync(
        rest, people.owner.token, json={"athlete_id": people.owner.id, "mode": "full"}
    )
    assert again.json() == first.json()
    by_number = await sync(rest, people.owner.token, json={"athlete_id": people.owner.athlete_id})
    assert by_number.json() == first.json()
    by_admin = await sync(rest, people.admin.token, params={"athlete_id": people.owner.athlete_id})
    assert by_admin.json() == first.json()
    query = "query($id: ID!) { job(id: $id) { kind status } }"
    job = await rest.ask(query, people.owner.token, id=first.json()["task_id"])
    assert job == {"job": {"kind": "STRAVA_SYNC", "status": "QUEUED"}}


@pytest.mark.parametrize(
    ("caller", "arguments", "status", "code"),
    [
        ("nobody", {}, 401, "UNAUTHENTICATED"),
        ("stranger", {}, 400, "NOT_CONNECTED"),
        ("stranger", {"json": {"athlete_id": "OWNER"}}, 404, "NOT_FOUND"),
        ("admin", {}, 422, "BAD_USER_INPUT"),
        ("owner", {"json": {"mode": "some"}}, 422, "BAD_USER_INPUT"),
        ("owner", {"json": {"athlete_id": True}}, 422, "BAD_USER_INPUT"),
        ("owner", {"json": {"athlete_id": 7.5}}, 422, "INVALID_ID"),
        ("owner", {"json": {"since": "2026-02-01", "until": "2026-01-01"}}, 422, "INVALID"),
        ("owner", {"json": {"since": "1066-01-01"}}, 422, "OUT_OF_RANGE"),
    ],
)
async def test_refusals(rest, db, people, caller, arguments, status, code):
    body = {
        name: people.owner.id if value == "OWNER" else value
        for name, value in arguments.get("json", {}).items()
    }
    response = await sync(rest, people.tokens[caller], **({"json": body} if body else {}))
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert response.json()["detail"]
    assert db.exec_driver_sql("SELECT count(*) FROM jobs WHERE status = 'QUEUED'").scalar_one() == 0


async def test_a_token_that_may_only_read_starts_nothing(rest, db, people):
    token = make.create_token(db, people.owner.account_id, scopes=("read",))
    for path in ("/strava/sync", f"/v1/athletes/{people.owner.id}/recalculate-pbs"):
        response = await rest.send("POST", path, token)
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
            403,
            "FORBIDDEN",
        )


@pytest.mark.parametrize(
    "path", ["recalculate-pbs", "recalculate-age-grades", "recalculate-personal-bests"]
)
async def test_recalculations_are_tasks(rest, people, path):
    address = f"/v1/athletes/{people.owner.id}/{path}"
    task = (await rest.send("POST", address, people.owner.token)).json()
    assert (task.keys(), task["status"]) == ({"task_id", "status"}, "queued")
    assert (await rest.send("POST", address, people.owner.token)).json() == task
    state = (await rest.get(f"/v1/tasks/{task['task_id']}", people.owner.token)).json()
    assert state["kind"] == ("age_grades" if "grades" in path else "personal_bests")
    assert (await rest.send("POST", address, people.stranger.token)).status_code == 404
    assert (await rest.send("POST", address)).status_code == 401


async def test_where_a_task_is(rest, people):
    as_uuid = uuid_of(people.ids["task_id"])
    for each in (people.ids["task_id"], people.job, as_uuid):
        path = f"/strava/sync/status/{each}"
        state = TaskState.model_validate((await rest.get(path, people.owner.token)).json())
        assert (state.task_id, state.status) == (people.ids["task_id"], "failed")
        assert (state.error, state.error_code) == ("Strava is away.", "STRAVA_UNAVAILABLE")
    for caller in ("stranger", "nobody"):
        response = await rest.get(f"/strava/sync/{people.job}", people.tokens[caller])
        assert (response.status_code, response.json()["detail"]) == (404, "Task not found")


async def test_feedback_is_kept(rest, db, people):
    assert (
        await rest.send("POST", "/feedback", json={"message": "Good!", "contact": "a@b.example"})
    ).status_code == 200
    response = await rest.send(
        "POST", "/feedback", people.owner.token, json={"text": " Also good ", "unknown": 1}
    )
    assert response.json() == {"status": "received"}
    rows = db.exec_driver_sql(
        "SELECT message, contact, account_id FROM feedback ORDER BY created_at"
    ).all()
    assert [tuple(row) for row in rows] == [
        ("Good!", "a@b.example", None), ("Also good\nunknown: 1", None, people.owner.account_id),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message", "contact"),
    [
        ({"activity_id": "A", "perceived_effort": 7, "notes": "legs\nheavy"},
         "legs\nheavy\nactivity_id: A\nperceived_effort: 7", None),
        ({"activity_id": 5, "perceived_effort": 0, "notes": None}, "activity_id: 5\nperceived_effort: 0", None),
        ({"mood": {"pre": [1, "ü"]}, "notes": ""}, 'mood: {"pre":[1,"ü"]}', None),
        ({"notes": "n", "message": "m", "text": "t", "Notes": "N"}, "m\nnotes: n\ntext: t\nNotes: N", None),
        ({"message": "m", "contact": "a@b.c", "email": "d@e.f"}, "m\nemail: d@e.f", "a@b.c"),
        ({"message": "m", "hurts": False, "line": ""}, "m\nhurts: false", None),
    ],
)  # fmt: skip
async def test_nothing_that_is_sent_gets_lost(rest, db, body, message, contact):
    assert (await rest.send("POST", "/feedback", json=body)).json() == {"status": "received"}
    assert db.exec_driver_sql("SELECT message, contact FROM feedback").one() == (message, contact)


@pytest.mark.parametrize(
    "body",
    [{"message": "x" * 4990, "activity_id": 12345}, {"message": 7, "activity_id": 1}, None, {},
     {"message": ""}, {"message": " "}, {"message": "x" * 5001}, {"message": 7}, {"message": None},
     {"message": "\x00"}, {"message": "x", "contact": "x" * 201}],
)  # fmt: skip
async def test_feedback_that_cannot_be_kept(rest, db, body):
    response = await rest.send("POST", "/feedback", json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["extensions"]["field"] in {"message", "contact"}
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


# --- with an API process and a worker


@pytest.fixture
def world(settings, redis_url, tmp_path):
    with simulated_strava() as strava, Redis.from_url(redis_url) as redis:
        changes = {
            "strava_api_url": f"{strava.url}/api/v3", "strava_oauth_url": f"{strava.url}/oauth",
            "strava_client_id": CLIENT_ID, "strava_client_secret": type(settings.strava_client_secret)(CLIENT_SECRET),
            "job_lease_s": 1, "job_reconcile_interval_s": 0.2,
        }  # fmt: skip
        world = World(settings.model_copy(update=changes), strava, redis, tmp_path)
        yield world
        world.close()


def test_a_sync_from_the_first_request_to_its_bests(world, db, tmp_path):
    person = make.create_person(db)
    world.grant(person.athlete_id)
    headers = {"authorization": f"Bearer {person.token}"}
    with (
        api_process(world.settings, tmp_path) as process,
        httpx.Client(
            base_url=f"http://{process.address}", headers=headers, trust_env=False
        ) as http,
    ):
        task = http.post("/strava/sync").json()
        assert task["status"] == "queued"
        assert http.get(f"/strava/sync/{task['task_id']}").json()["status"] == "queued"
        world.start_workers()
        seen = states(http, task["task_id"])
        assert seen[-1]["status"] == "succeeded", seen[-1]
        assert {each["status"] for each in seen} <= {"queued", "running", "succeeded"}
        assert seen[-1]["progress"]["done"] == seen[-1]["progress"]["total"] == 48
        assert seen[-1]["result"]["activities_created"] == 48
        assert seen[-1]["error"] is None
        assert len(http.get("/v1/activities?limit=48").json()) == 48
        bests = http.get(f"/v1/athletes/{person.id}/personal-bests").json()
        assert [each["distance_category"] for each in bests][:2] == ["400m", "800m"]
        [job_id] = db.exec_driver_sql("SELECT id FROM jobs").scalars()
        assert task["task_id"] == encode_id("Job", job_id)
        assert http.post("/strava/sync").json()["task_id"] != task["task_id"]


def states(http: httpx.Client, task_id: str) -> list[dict]:
    """What is told of a task until it has ended."""
    seen, until = [], time.monotonic() + 30
    while time.monotonic() < until:
        seen.append(http.get(f"/strava/sync/status/{task_id}").json())
        if seen[-1]["status"] not in {"queued", "running", "waiting"}:
            break
        time.sleep(0.05)
    return seen
