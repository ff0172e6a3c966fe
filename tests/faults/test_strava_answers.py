"""Answers of Strava that drip or are huge hold no worker, and do not get in a cancellation's way."""

import time

import psutil
import pytest

from tests.jobs.simulated import RUNNER

pytestmark = pytest.mark.whole

OTHER = 1002
DETAIL = r"/activities/\d+$"


def one_of(world, strava_athlete: int) -> dict:
    """Arguments of a sync of one activity, which takes two requests."""
    return {"activity_id": world.strava.activities(strava_athlete)[0]["id"]}


def test_answers_that_drip_hold_no_worker_and_are_asked_for_again(world):
    world.strava.fault("drip", path=DETAIL, delay_s=0.3, times=1)
    athletes = {RUNNER: world.connect(RUNNER), OTHER: world.connect(OTHER, first_name="Ana")}
    world.start_workers(1, strava_timeout_s=1)
    held, other = (
        world.create(athlete_id, **one_of(world, strava_athlete))
        for strava_athlete, athlete_id in athletes.items()
    )
    world.enqueue(held)
    world.until(lambda: world.strava.requests("/activities/") == 1)
    began = time.monotonic()
    world.await_job(world.enqueue(other), "SUCCEEDED")
    assert time.monotonic() - began < 30, "the whole answer takes minutes"
    assert world.await_job(held, "SUCCEEDED")["attempts"] == 2
    assert world.rows("SELECT * FROM strava_troubles") == [{"kind": "too_slow", "count": 1}]
    assert '"trouble":"too_slow"' in world.workers[0].log


def test_a_job_whose_answer_drips_is_cancelled_within_seconds(world):
    world.strava.fault("drip", path=DETAIL, delay_s=5, times=1)
    runner = world.connect(RUNNER)
    world.start_workers(1, job_lease_s=60, strava_timeout_s=120)
    job_id = world.enqueue(world.create(runner, **one_of(world, RUNNER)))
    world.until(lambda: world.strava.requests("/activities/") == 1)
    world.cancel(job_id)
    world.await_job(job_id, "CANCELLED", within_s=30)
    again = world.enqueue(world.create(runner, **one_of(world, RUNNER)))
    world.await_job(again, "SUCCEEDED")


@pytest.mark.parametrize("kind", ["huge", "huge_gzip"])
def test_a_huge_answer_takes_no_memory_and_is_asked_for_again(world, kind):
    runner = world.connect()
    world.strava.fault(kind, path=DETAIL, times=1, size_bytes=200_000_000)
    before = psutil.Process().memory_info().rss
    job = world.sync(runner, **one_of(world, RUNNER))
    grown = psutil.Process().memory_info().rss - before
    assert (job["status"], job["failures"]) == ("WAITING", 1)
    assert grown < 100e6  # of the simulator, too, which runs in this process
    assert world.rows("SELECT * FROM strava_troubles") == [{"kind": "too_large", "count": 1}]
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    assert world.work(job["id"])["status"] == "SUCCEEDED"


def test_a_strava_that_always_answers_500_ends_the_job_and_keeps_what_was_synced(world):
    runner = world.connect()
    world.strava.fault("server_error", path="/api/v3/", skip=10, times=None)
    world.start_workers(1, job_max_attempts=2)
    job = world.await_job(world.enqueue(world.create(runner)), "FAILED")
    assert (job["error_code"], job["error_retryable"]) == ("STRAVA_UNAVAILABLE", True)
    assert (job["attempts"], job["failures"]) == (2, 2)
    assert world.value("SELECT count(*) FROM activities") == 48
    assert world.value("SELECT count(*) FROM activity_streams") == 5
    assert world.value("SELECT count(*) FROM personal_bests WHERE is_current") > 0


def test_a_quota_without_headers_is_waited_for_until_the_job_is_too_old(world):
    runner = world.connect()
    world.strava.fault("rate_limited_bare", path="/api/v3/", skip=10, times=None)
    job = world.sync(runner)
    assert (job["status"], job["failures"]) == ("WAITING", 0)
    assert job["waiting_until"].minute % 15 == 0
    world.write("UPDATE jobs SET waiting_until = now()")
    world.start_workers(1, job_max_life_s=3600)
    world.until(lambda: world.job(job["id"])["attempts"] == 2)
    world.await_job(job["id"], "WAITING")
    world.write("UPDATE jobs SET live_since = now() - interval '2 h'")
    assert world.await_job(job["id"], "FAILED")["error_code"] == "TIMED_OUT"
    assert world.value("SELECT count(*) FROM activity_streams") == 5
