"""Answers of Strava that are something else hold a job up, but do not end it."""

import pytest

from jobs import athlete_strava
from tests.faults.test_streams_asked_again import CASES, finish
from tests.jobs.simulated import simulated_strava

pytestmark = pytest.mark.whole

LIST, DETAIL = "/athlete/activities", r"/activities/\d+$"
PAGES = ("bad_json", "forbidden_page", "not_found_page")
KINDS = (*PAGES, "empty_body", "cut", "other_object", "other_list")
TRIES = 3
"""An attempt asks so often before the job waits."""


@pytest.fixture
def strava():
    """An athlete of two activities."""
    with simulated_strava(runs=CASES / "one-activity-always-500.ndjson") as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(athlete_strava, "AGAIN_AFTER_S", (0.01, 0.01))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [LIST, DETAIL])
def test_the_job_waits_and_succeeds_when_strava_has_recovered(world, path, kind):
    runner = world.connect()
    [one, *_] = world.strava.activities()
    arguments = {} if path == LIST else {"activity_id": one["id"]}
    world.strava.fault(kind, path=path, times=TRIES)
    job = world.sync(runner, **arguments)
    assert (job["status"], job["failures"], job["error_code"]) == ("WAITING", 1, None)
    job = finish(world, job)
    assert job["status"] == "SUCCEEDED"
    assert job["activities_created"] == (1 if arguments else 2)
    assert world.value("SELECT count(*) FROM job_problems") == 0
    assert world.rows("SELECT * FROM strava_troubles") == [{"kind": "unreadable", "count": TRIES}]


def test_the_pauses_grow_and_the_job_ends(world):
    runner = world.connect()
    world.strava.fault("bad_json", path=LIST, times=None)
    job, pauses = world.sync(runner), []
    while job["status"] == "WAITING":
        pauses.append(
            world.value("SELECT extract(epoch FROM waiting_until - now())::float FROM jobs")
        )
        world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
        job = world.work(job["id"])
    assert len(pauses) == world.settings.job_max_attempts - 1
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < 3
    assert (job["status"], job["error_code"], job["error_retryable"]) == (
        "FAILED",
        "STRAVA_BAD_DATA",
        True,
    )


@pytest.mark.parametrize("kind", ["not_found_page", "other_object"])
def test_what_a_full_sync_does_not_see_is_asked_for_until_strava_answers(world, kind):
    runner = world.connect()
    world.sync(runner)
    reference = world.derived()
    gone = world.strava.activities()[0]["id"]
    world.strava.fault("empty_list", path=LIST, times=None)
    world.strava.fault(kind, path=DETAIL, times=None)
    job = world.sync(runner, mode="FULL")
    assert job["status"] == "WAITING"
    world.strava.heal()
    world.strava.delete(gone)
    job = finish(world, job)
    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 1)
    assert world.value("SELECT count(*) FROM job_problems") == 0
    assert world.derived() != reference


@pytest.mark.parametrize("kind", ["other_object", "not_found_page"])
def test_streams_that_are_something_else_are_not_absent(world, kind):
    world.settings = world.settings.model_copy(update={"job_max_attempts": 1})
    runner = world.connect()
    world.strava.fault(kind, path="/streams", times=None)
    for _ in range(6):
        world.write("UPDATE activities SET streams_retry_at = now()")
        job = world.sync(runner)
    states = world.rows("SELECT DISTINCT streams_state FROM activities")
    assert states == [{"streams_state": "UNREAD"}]
    problems = world.rows("SELECT code FROM job_problems WHERE job_id = :id", id=job["id"])
    assert problems == [{"code": "STRAVA_BAD_DATA"}] * 2


def test_a_page_is_no_end_of_a_connection(world):
    runner = world.connect()
    world.strava.fault("bad_json", path="/oauth/revoke", times=1)
    job = world.work(world.create(runner, "STRAVA_DISCONNECT"))
    assert job["status"] == "WAITING"
    assert world.value("SELECT count(*) FROM strava_connections") == 1
    assert finish(world, job)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM strava_connections") == 0
