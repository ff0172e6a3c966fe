"""Streams that Strava did not send, or sent broken, are asked for again, but not for ever."""

import pytest

from jobs.sync import effort_derivation
from tests.jobs.simulated import simulated_strava
from tests.jobs.test_public_cases import CASES

pytestmark = pytest.mark.whole

TWO = pytest.mark.parametrize("strava", ["one-activity-always-500"], indirect=True)
TRIES = "SELECT streams_tries FROM activities WHERE strava_id = :id"


@pytest.fixture
def strava(request):
    name = getattr(request, "param", None)
    options = {"runs": CASES / f"{name}.ndjson"} if name else {}
    with simulated_strava(**options) as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch):
    monkeypatch.setattr(effort_derivation, "SECOND_LOOK_AFTER_S", 0.01)


def finish(world, job: dict) -> dict:
    """Let the job go on as often as it wants to wait."""
    while job["status"] == "WAITING":
        world.write(
            "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE id = :id", id=job["id"]
        )
        job = world.work(job["id"])
    return job


def give_up_at_once(world) -> None:
    world.settings = world.settings.model_copy(update={"job_max_attempts": 1})


def states(world) -> dict[str, int]:
    rows = world.rows("SELECT streams_state, count(*) FROM activities GROUP BY 1")
    return {row["streams_state"]: row["count"] for row in rows}


def provenances(world) -> set[str]:
    return {row["provenance"] for row in world.rows("SELECT provenance FROM best_efforts")}


@pytest.mark.parametrize("kind", ["bad_json", "not_found"])
def test_a_bad_moment_leaves_no_trace_in_the_same_job(world, kind):
    world.strava.fault(kind, path="/streams", times=20)
    job = finish(world, world.sync(world.connect()))
    assert (job["status"], job["progress_done"], job["progress_total"]) == ("SUCCEEDED", 48, 48)
    assert states(world) == {"STORED": 48}
    assert world.value("SELECT count(*) FROM job_problems") == 0
    assert "WHOLE_ACTIVITY" not in provenances(world)


@TWO
@pytest.mark.parametrize("kind", ["not_found", "cut_gzip", "empty_object"])
def test_the_next_sync_of_any_kind_asks_again(world, kind):
    give_up_at_once(world)
    runner = world.connect()
    ids = [activity["id"] for activity in world.strava.activities()]
    for again in ({}, {"mode": "FULL"}, {"activity_id": ids[0]}):
        world.write("DELETE FROM activities")
        world.strava.fault(kind, path="/streams", times=None)
        assert world.sync(runner, mode="FULL")["status"] == "SUCCEEDED"
        assert states(world) == {"UNREAD": 2}
        assert provenances(world) == {"STRAVA"}
        world.strava.heal()
        assert world.sync(runner, **again)["status"] == "SUCCEEDED"
        healed = 1 if "activity_id" in again else 2
        assert states(world)["STORED"] == healed
        assert "STREAM" in provenances(world)


@TWO
def test_what_strava_does_not_have_is_asked_for_ever_less_often(world):
    runner = world.connect()
    world.strava.fault("not_found", path="/streams", times=None)
    asked = []
    for _ in range(6):
        world.strava.forget_requests()
        world.sync(runner)
        asked.append(world.strava.requests("/streams"))
    # Of two activities, and twice in each job that may ask again at once.
    assert asked == [4, 4, 4, 2, 0, 0]
    pause = "SELECT extract(epoch FROM min(streams_retry_at) - now())::float FROM activities"
    pauses = []
    for _ in range(4):
        pauses.append(round(world.value(pause) / 3600))
        world.write("UPDATE activities SET streams_retry_at = now()")
        world.sync(runner)
    assert pauses == [1, 24, 72, 720]
    assert states(world) == {"ABSENT": 2}
    world.strava.forget_requests()
    world.strava.heal()
    world.sync(runner, mode="FULL")
    assert world.strava.requests("/streams") == 0
    # an athlete who asks for one activity gets an answer of today
    one = world.strava.activities()[0]["id"]
    world.sync(runner, activity_id=one)
    assert states(world) == {"ABSENT": 1, "STORED": 1}
    assert world.value(TRIES, id=one) == 0


@TWO
def test_a_page_of_html_is_never_taken_for_absence(world):
    give_up_at_once(world)
    runner = world.connect()
    world.strava.fault("bad_json", path="/streams", times=None)
    for _ in range(7):
        world.write("UPDATE activities SET streams_retry_at = now()")
        job = world.sync(runner)
    assert states(world) == {"UNREAD": 2}
    problems = world.rows("SELECT code FROM job_problems WHERE job_id = :id", id=job["id"])
    assert problems == [{"code": "STRAVA_BAD_DATA"}] * 2


def test_what_older_versions_took_for_absent_heals(world):
    runner = world.connect()
    world.sync(runner)
    reference = world.derived()
    world.write("DELETE FROM activity_streams")
    world.write("DELETE FROM best_efforts")
    world.write("UPDATE activities SET streams_state = 'ABSENT'")
    manual = world.strava.add(
        distance=5010.0, elapsed_time=1500, moving_time=1500, start_date="2018-01-01T08:00:00Z"
    )
    world.strava.delete(manual)
    world.strava.forget_requests()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.strava.requests("/streams") == 48
    assert world.derived() == reference


@TWO
def test_after_a_recalculation_the_next_sync_asks_again(world):
    give_up_at_once(world)
    runner = world.connect()
    world.strava.fault("bad_json", path="/streams", times=None)
    world.sync(runner)
    world.write("UPDATE activities SET streams_retry_at = now() + interval '30 days'")
    world.strava.heal()
    world.sync(runner)
    assert states(world) == {"UNREAD": 2}
    assert world.work(world.create(runner, "PERSONAL_BESTS"))["status"] == "SUCCEEDED"
    assert states(world) == {"UNREAD": 2}
    world.sync(runner)
    assert states(world) == {"STORED": 2}


@pytest.mark.parametrize("kind", ["cut", "empty_list"])
@pytest.mark.parametrize("path", ["/athlete/activities", r"/activities/\d+$"])
def test_pages_and_details_of_a_bad_moment_are_asked_for_again(world, kind, path):
    runner = world.connect()
    [one, *_] = world.strava.activities()
    arguments = {} if path == "/athlete/activities" else {"activity_id": one["id"]}
    # Without streams: they are not what is looked at.
    world.strava.fault("unavailable", path="/streams|/athlete$", times=None)
    world.strava.fault(kind, path=path, skip=0 if arguments else 2, times=2)
    world.sync(runner, **arguments)
    assert world.value("SELECT count(*) FROM activities") == (1 if arguments else 48)


@TWO
@pytest.mark.parametrize("mode", ["FULL", "activity"])
def test_an_activity_that_is_not_found_for_a_moment_stays(world, mode):
    runner = world.connect()
    world.sync(runner)
    reference = world.derived()
    one = world.strava.activities()[0]["id"]
    arguments = {"mode": "FULL"} if mode == "FULL" else {"activity_id": one}
    if mode == "FULL":
        world.strava.fault("empty_list", path="/athlete/activities", times=None)
    world.strava.fault("not_found", path=r"/activities/\d+$", times=1)
    job = world.sync(runner, **arguments)
    world.strava.heal()
    job = finish(world, job)
    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 0)
    assert world.derived() == reference
