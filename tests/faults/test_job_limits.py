"""Attempts and jobs that take too long end, leases outlast no step of the clock."""

import time

import pytest
from sqlalchemy import text

from db.statements.jobs import job_lease
from jobs.attempt import Attempt
from jobs.lease import AttemptTimedOut, LeaseLost
from jobs.reconcile import Reconciler
from jobs.stop_signal import StopRequest
from tests.jobs.test_lease import claim


def look(world, **settings) -> None:
    Reconciler(world.settings.model_copy(update=settings), world.database, world.redis).run_once()


def test_a_task_that_hangs_is_ended_tried_again_and_at_last_failed(world):
    world.strava.fault("slow", path="/activities", delay_s=40, times=None)
    world.start_workers(job_attempt_max_s=1, job_max_attempts=2, strava_timeout_s=60)
    job_id = world.enqueue(world.create(world.connect()))
    row = world.await_job(job_id, "WAITING")  # 1 s, and 10 s to end by itself
    assert (row["attempts"], row["failures"]) == (1, 1)
    row = world.await_job(job_id, "FAILED")
    assert (row["attempts"], row["error_code"], row["error_retryable"]) == (2, "TIMED_OUT", True)


def test_an_attempt_that_looks_at_its_lease_ends_by_itself(world):
    job_id = world.create(world.athlete())
    row = world.change_job(job_lease.claim(), job_id=job_id, lease_s=1)
    attempt = Attempt(world.database, world.redis, row, lease_s=1, stop=StopRequest(), max_s=0.1)
    with attempt:
        time.sleep(0.2)
        with pytest.raises(AttemptTimedOut), attempt.step():
            raise AssertionError


def test_an_attempt_whose_worker_cannot_end_it_is_taken_away(world):
    job_id = world.create(world.athlete())
    attempt = claim(world, job_id, lease_s=600)
    world.write("UPDATE jobs SET attempt_started_at = now() - interval '1 hour'")
    look(world, job_attempt_max_s=7200)
    assert world.job(job_id)["status"] == "RUNNING"
    look(world, job_attempt_max_s=3000)
    assert world.job(job_id)["status"] == "QUEUED"
    with pytest.raises(LeaseLost), attempt.step():
        raise AssertionError


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "WAITING"])
def test_a_job_that_lives_too_long_fails(world, status):
    job_id = world.create(world.athlete())
    until = {"RUNNING": "lease_until", "WAITING": "waiting_until"}.get(status)
    also = f", {until} = now() + interval '1 day'" if until else ""
    world.write(f"UPDATE jobs SET status = '{status}', live_since = now() - interval '2 h'{also}")
    look(world, job_max_life_s=3 * 3600)
    assert world.job(job_id)["status"] == status
    look(world, job_max_life_s=3600)
    row = world.job(job_id)
    assert (row["status"], row["error_code"], row["error_retryable"]) == (
        "FAILED",
        "TIMED_OUT",
        True,
    )


def test_a_lease_does_not_last_as_long_as_the_clock_was_set_back(world):
    """As a worker leaves it that renewed its lease, before the step of an hour, and then died."""
    job_id = world.create(world.athlete())
    world.write(
        "UPDATE jobs SET status = 'RUNNING', attempts = 1, "
        "lease_renewed_at = now() + interval '1 h', lease_until = now() + interval '1 h 1 s'"
    )
    look(world)
    left = world.value("SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM jobs")
    assert left <= 1
    time.sleep(1.1)
    look(world)
    assert world.job(job_id)["status"] == "QUEUED"


def test_a_lost_job_is_found_after_the_clock_was_set_back(world):
    job_id = world.create(world.athlete())
    world.write("UPDATE jobs SET enqueued_at = now() + interval '1 h'")
    world.start_workers()
    assert world.await_job(job_id, "FAILED", "SUCCEEDED")


def test_a_hung_transaction_delays_only_its_own_job(world):
    hung, other = (world.create(world.athlete()) for _ in range(2))
    world.write(
        "UPDATE jobs SET status = 'RUNNING', attempts = 1, lease_until = now() - interval '1 s'"
    )
    with world.database.write() as holder:
        holder.execute(text("SELECT id FROM jobs WHERE id = :id FOR UPDATE"), {"id": hung})
        look(world)
        assert world.job(other)["status"] == "QUEUED"
        assert world.job(hung)["status"] == "RUNNING"
    look(world)
    assert world.job(hung)["status"] == "QUEUED"
