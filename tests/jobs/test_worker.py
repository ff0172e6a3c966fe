"""Real workers in processes of their own: killed, stopped, cancelled, robbed of Redis."""

import json
import os
import signal
import time

import psutil
import pytest

from db.statements.jobs import job as statements
from tests.jobs.world import news
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

SLOW = {"path": "/streams", "delay_s": 0.03, "times": None}


_undisturbed: dict = {}


@pytest.fixture
def expected(world) -> dict:
    """What an undisturbed sync makes; the database is empty when the test begins."""
    if not _undisturbed:
        world.sync(world.connect())
        _undisturbed.update(world.derived())
        world.write("TRUNCATE athletes CASCADE")
    return _undisturbed


def some_progress(world, job_id: int, done: int = 10) -> None:
    world.until(lambda: world.job(job_id)["progress_done"] >= done, about=job_id)


def assert_nothing_lost_nothing_doubled(world, job: dict, expected: dict) -> None:
    assert (job["status"], job["error_message"]) == ("SUCCEEDED", None)
    assert (job["activities_created"], job["activities_updated"], job["activities_deleted"]) == (
        48,
        0,
        0,
    )
    assert (job["progress_done"], job["progress_total"]) == (48, 48)
    assert world.derived() == expected
    assert job["personal_bests_changed"] == sum(best["is_current"] for best in expected["bests"])


def test_a_killed_pool_takes_all_with_it_and_another_goes_on(world, expected):
    workers = world.start_workers()
    world.strava.fault("slow", **SLOW)
    job_id = world.enqueue(world.create(world.connect()))
    some_progress(world, job_id)
    assert workers.horses()
    workers.kill()
    left_at = world.job(job_id)
    world.start_workers()
    job = world.await_job(job_id, "SUCCEEDED")
    assert_nothing_lost_nothing_doubled(world, job, expected)
    assert job["attempts"] == 2
    assert world.job(job_id)["version"] > left_at["version"]


def test_a_killed_process_group_is_replaced_by_another_pool(world, expected):
    workers = world.start_workers()
    world.strava.fault("slow", **SLOW)
    job_id = world.enqueue(world.create(world.connect()))
    some_progress(world, job_id)
    for process in [*workers.below(), workers.process]:
        os.kill(process.pid, signal.SIGKILL)
    workers.process.wait()
    world.start_workers()
    assert_nothing_lost_nothing_doubled(world, world.await_job(job_id, "SUCCEEDED"), expected)


def test_a_killed_horse_is_replaced_within_lease_and_interval(world, expected):
    workers = world.start_workers()
    world.strava.fault("slow", **SLOW)
    job_id = world.enqueue(world.create(world.connect()))
    some_progress(world, job_id)
    [horse] = workers.horses()
    horse.kill()
    killed = time.monotonic()
    world.until(lambda: world.job(job_id)["attempts"] == 2, about=job_id)
    assert (
        time.monotonic() - killed
        < world.settings.job_lease_s + world.settings.job_reconcile_interval_s + 0.5
    )
    assert_nothing_lost_nothing_doubled(world, world.await_job(job_id, "SUCCEEDED"), expected)


def test_a_horse_killed_again_and_again_while_listing_counts_right(world, expected):
    # Until Strava's first answer of all, others wait 5 s for a lost request.
    workers = world.start_workers(job_reconcile_interval_s=0.1, strava_timeout_s=2)
    world.strava.fault("slow", path="/athlete/activities", delay_s=0.4, times=None)
    job_id = world.enqueue(world.create(world.connect()))
    for attempt in range(1, 4):
        world.until(
            lambda a=attempt: (j := world.job(job_id))["attempts"] == a and j["checkpoint"],
            about=job_id,
        )
        for horse in workers.horses():
            horse.kill()
    world.strava.heal()
    assert_nothing_lost_nothing_doubled(
        world, world.await_job(job_id, "SUCCEEDED", within_s=2 * PATIENCE_S), expected
    )


def test_a_stalled_worker_that_comes_back_writes_nothing(world, expected):
    workers = world.start_workers(2)
    world.strava.fault("slow", **SLOW)
    job_id = world.enqueue(world.create(world.connect()))
    some_progress(world, job_id)
    [horse] = workers.horses()
    horse.suspend()
    world.until(lambda: world.job(job_id)["attempts"] == 2, about=job_id)
    horse.resume()
    assert_nothing_lost_nothing_doubled(world, world.await_job(job_id, "SUCCEEDED"), expected)
    world.until(lambda: "lease lost" in workers.log)


def test_a_stop_gives_the_job_back_at_once(world, expected):
    workers = world.start_workers()
    world.strava.fault("slow", path="/streams", skip=10, delay_s=10, times=1)
    job_id = world.enqueue(world.create(world.connect()))
    # what is derived of them is written with others, so progress may come later
    stored = "SELECT count(*) FROM activities WHERE streams_state = 'STORED'"
    world.until(lambda: world.value(stored) >= 10, about=job_id)
    assert workers.stop() < 5
    job = world.job(job_id)
    assert (job["status"], job["failures"], world.value(stored)) == ("QUEUED", 0, 10)
    assert job["progress_done"] <= 10
    world.start_workers()
    job = world.await_job(job_id, "SUCCEEDED")
    assert job["attempts"] == 2
    assert_nothing_lost_nothing_doubled(world, job, expected)


def test_idle_workers_stop_soon(world):
    workers = world.start_workers(2)
    world.until(lambda: len(workers.below()) == 3)
    time.sleep(0.5)
    assert workers.stop(signal.SIGINT) < 4


def test_dead_workers_and_a_dead_reconciler_are_replaced(world):
    workers = world.start_workers(2)
    first = world.until(lambda: len(family := workers.below()) == 3 and family)
    time.sleep(0.5)
    for process in first:
        process.kill()
    world.until(lambda: len(new := workers.below()) == 3 and not set(new) & set(first))
    assert world.await_job(world.enqueue(world.create(world.connect())), "SUCCEEDED")


def test_a_running_job_is_cancelled_at_its_next_checkpoint(world):
    world.start_workers()
    world.strava.fault("slow", **SLOW)
    job_id = world.enqueue(world.create(world.connect()))
    some_progress(world, job_id)
    assert world.change_job(statements.cancel(), job_id=job_id).status == "RUNNING"
    job = world.await_job(job_id, "CANCELLED")
    assert job["error_code"] == "CANCELLED"
    assert job["progress_done"] < 48


def test_what_redis_lost_between_enqueueing_and_start_is_enqueued_again(world):
    job_id = world.enqueue(world.create(world.connect()))
    world.redis.flushall()
    never_enqueued = world.create(None, "AGE_GRADES")
    world.start_workers()
    assert world.await_job(job_id, "SUCCEEDED")["attempts"] == 1
    assert world.await_job(never_enqueued, "SUCCEEDED")["attempts"] == 1


def test_watchers_hear_of_every_state_and_last_of_the_end(world):
    with world.redis.pubsub() as pubsub:
        pubsub.subscribe("pacegraph:jobs")
        world.start_workers()
        athlete = world.connect()
        job_id = world.enqueue(world.create(athlete))
        job = world.await_job(job_id, "SUCCEEDED")
        received = news(pubsub)
    versions = [each["version"] for each in received]
    assert {(each["id"], each["athlete_id"]) for each in received} == {(job_id, athlete)}
    assert versions[0] == 1
    assert versions[-1] == job["version"]


def test_the_log_is_one_json_object_a_line_and_holds_no_token(world):
    workers = world.start_workers()
    athlete = world.connect()
    tokens = world.one("SELECT access_token, refresh_token FROM strava_connections")
    secrets = [world.keys.decrypt(token).get_secret_value() for token in tokens.values()]
    job_id = world.enqueue(world.create(athlete))
    world.await_job(job_id, "SUCCEEDED")
    world.strava.fault("inactive", times=None)
    world.await_job(world.enqueue(world.create(athlete)), "FAILED")
    world.until(lambda: workers.log.count("job ended") == 2)
    lines = [json.loads(line) for line in workers.log.splitlines()]
    ended = next(line for line in lines if line["message"] == "job ended")
    assert (ended["job_id"], ended["kind"], ended["attempt"], ended["outcome"]) == (
        str(job_id),
        "STRAVA_SYNC",
        1,
        "succeeded",
    )
    assert ended["duration_ms"] > 0
    for secret in (*secrets, world.settings.strava_client_secret.get_secret_value()):
        assert secret not in workers.log


def test_two_athletes_are_synced_side_by_side(world):
    world.start_workers(2)
    world.strava.fault("slow", **SLOW)
    jobs = [world.create(world.connect()), world.create(world.connect(1002, first_name="Second"))]
    for job_id in jobs:
        world.enqueue(job_id)
    world.until(lambda: world.value("SELECT count(*) FROM jobs WHERE status = 'RUNNING'") == 2)
    assert psutil.pid_exists(world.workers[0].process.pid)
