"""Strava tells of activities before they, or their streams, can be read."""

import pytest

from jobs.sync import effort_derivation
from tests.faults.crash_tasks import tell
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.test_strava_sync import even_track

EVENTS = "SELECT tries, extract(epoch FROM due_at - now())::float AS in_s FROM strava_events"


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch):
    monkeypatch.setattr(effort_derivation, "SECOND_LOOK_AFTER_S", 0.01)


@pytest.fixture
def told(world) -> tuple[int, int]:
    """An athlete, who was synced, and a new run that an event tells of."""
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    strava_id = world.strava.add(streams=even_track(5000, 1500), start_date="2026-03-01T06:00:00Z")
    tell(world, "activity", strava_id)
    return runner, strava_id


def look(world, runner: int) -> list[float]:
    """What a job does with the events that are due; returns in how many seconds others are."""
    job = world.work(world.create(runner, "STRAVA_WEBHOOK"))
    assert (job["status"], job["error_message"]) == ("SUCCEEDED", None)
    pauses = [row["in_s"] for row in world.rows(EVENTS)]
    world.write("UPDATE strava_events SET due_at = now()")
    return pauses


def test_an_activity_that_is_not_found_at_first_is_there_within_seconds(world, told):
    runner, strava_id = told
    world.strava.fault("not_found", path=rf"/activities/{strava_id}$", times=1)
    [pause_s] = look(world, runner)
    assert pause_s < 11
    assert look(world, runner) == []
    states = "SELECT streams_state FROM activities WHERE strava_id = :id"
    assert world.value(states, id=strava_id) == "STORED"


def test_streams_that_are_not_there_at_first_are_there_within_a_minute(world, told):
    runner, strava_id = told
    world.strava.fault("not_found", path=rf"/activities/{strava_id}/streams", times=3)
    provenance = (
        "SELECT DISTINCT provenance FROM best_efforts e JOIN activities a ON a.id = e.activity_id "
        "WHERE strava_id = :id"
    )
    [pause_s] = look(world, runner)
    assert pause_s < 11
    assert world.value(provenance, id=strava_id) == "STRAVA"  # for now
    assert look(world, runner) == []
    assert world.value(provenance, id=strava_id) == "STREAM"
    world.sync(runner, mode="FULL")
    assert world.value("SELECT count(*) FROM activities") == RUNS + 1


def test_what_never_comes_is_looked_up_three_times(world, told):
    runner, strava_id = told
    world.strava.fault("not_found", path=rf"/activities/{strava_id}$", times=None)
    world.strava.forget_requests()
    pauses = [look(world, runner) for _ in range(3)]
    assert [len(each) for each in pauses] == [1, 1, 0]
    assert 59 < pauses[1][0] < 61
    assert world.strava.requests(f"/activities/{strava_id}") == 3


def test_a_killed_attempt_does_not_look_up_at_once_what_may_come(world, told):
    runner, strava_id = told
    world.strava.fault("not_found", path=rf"/activities/{strava_id}$", times=None)
    job = world.work(world.create(runner, "STRAVA_WEBHOOK"))
    world.write(
        "UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = :id", id=job["id"]
    )
    world.strava.forget_requests()
    assert world.work(job["id"])["status"] == "SUCCEEDED"
    assert world.strava.requests("/activities/") == 0
    assert [row["tries"] for row in world.rows(EVENTS)] == [1]
