"""A stalled worker whose job was taken over writes nothing more."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from db.statements.jobs import job as statements
from db.statements.jobs import job_attempt, job_lease
from jobs.attempt import Attempt
from jobs.lease import JobCancelled, LeaseLost, WorkerStopping
from jobs.reconcile import Reconciler
from jobs.stop_signal import StopRequest
from tests.jobs.world import news


def claim(world, job_id: int, lease_s: float = 1) -> Attempt:
    row = world.change_job(job_lease.claim(), job_id=job_id, lease_s=lease_s)
    return Attempt(world.database, world.redis, row, lease_s=lease_s, stop=StopRequest())


def rename(step) -> None:
    step.connection.execute(text("UPDATE athletes SET first_name = 'Changed'"))


@pytest.fixture
def job_id(world) -> int:
    return world.create(world.athlete())


def expire(world) -> None:
    world.write("UPDATE jobs SET lease_until = now() - interval '1 second'")
    Reconciler(world.settings, world.database, world.redis).run_once()


def test_what_a_step_does_is_committed_with_its_checkpoint_and_counters(world, job_id):
    with claim(world, job_id).step() as step:
        rename(step)
        step.checkpoint["page"] = 2
        step.done, step.total, step.created = 3, 9, 5
    job = world.job(job_id)
    assert (job["checkpoint"], job["progress_done"], job["progress_total"]) == ({"page": 2}, 3, 9)
    assert (job["activities_created"], job["version"]) == (5, 2)
    assert world.value("SELECT first_name FROM athletes") == "Changed"


def test_a_step_that_fails_leaves_nothing(world, job_id):
    attempt = claim(world, job_id)
    with pytest.raises(DataError), attempt.step() as step:  # noqa: PT012 - the block is what fails
        rename(step)
        step.created = 5
        step.connection.execute(text("SELECT 1 / 0"))
    with attempt.step() as step:
        step.created += 1
    assert world.job(job_id)["activities_created"] == 1
    assert world.value("SELECT first_name FROM athletes") == "Rui"


def test_who_was_taken_over_writes_nothing(world, job_id):
    stalled = claim(world, job_id)
    expire(world)
    heir = claim(world, job_id)
    with heir.step() as step:
        step.done = 1
    with pytest.raises(LeaseLost), stalled.step() as step:
        rename(step)
    assert world.value("SELECT first_name FROM athletes") == "Rui"
    assert (world.job(job_id)["attempts"], world.job(job_id)["progress_done"]) == (2, 1)
    for statement in (job_attempt.succeed(), job_attempt.give_back(), job_attempt.stop_cancelled()):
        assert world.change_job(statement, **stalled.key) is None


def test_a_takeover_waits_for_the_step_in_progress_or_prevents_it(world, job_id):
    stalled = claim(world, job_id)
    with stalled.step() as step:
        rename(step)
        world.write("SET statement_timeout = 0")
    expire(world)
    assert world.job(job_id)["status"] == "QUEUED"
    assert world.value("SELECT first_name FROM athletes") == "Changed"


def test_the_lease_is_renewed_while_the_attempt_lives(world, job_id):
    with claim(world, job_id, lease_s=1) as attempt:
        time.sleep(1.6)
        Reconciler(world.settings, world.database, world.redis).run_once()
        attempt.check()
        assert world.job(job_id)["status"] == "RUNNING"


def test_the_loss_is_noticed_without_a_step(world, job_id):
    with claim(world, job_id, lease_s=1) as attempt:
        world.write("UPDATE jobs SET attempts = attempts + 1")
        with pytest.raises(LeaseLost):
            world.until(attempt.check)


def test_a_cancellation_is_noticed_at_the_next_step(world, job_id):
    attempt = claim(world, job_id)
    assert world.change_job(statements.cancel(), job_id=job_id).status == "RUNNING"
    with pytest.raises(JobCancelled), attempt.step():
        pytest.fail("it went on")


def test_a_stop_is_noticed_at_the_next_checkpoint(world, job_id):
    attempt = claim(world, job_id)
    attempt.stop.requested = True
    with pytest.raises(WorkerStopping):
        attempt.check()


def test_a_job_whose_workers_keep_disappearing_is_given_up(world, job_id):
    for attempts in range(1, world.settings.job_max_attempts + 1):
        claim(world, job_id)
        expire(world)
        assert world.job(job_id)["failures"] == attempts
    job = world.job(job_id)
    assert (job["status"], job["error_code"], job["error_retryable"]) == (
        "FAILED",
        "INTERNAL",
        True,
    )


def test_progress_is_published_at_most_twice_a_second_and_the_last_state_always(world, job_id):
    with world.redis.pubsub() as pubsub:
        pubsub.subscribe("pacegraph:jobs")
        with claim(world, job_id, lease_s=3) as attempt:
            started = time.monotonic()
            for done in range(1, 101):
                with attempt.step() as step:
                    step.done = done
            took = time.monotonic() - started
            received = news(pubsub, within_s=1)
    assert 1 <= len(received) <= 2 + 2 * (took + 1)
    assert received[-1] == {
        "id": job_id,
        "athlete_id": world.job(job_id)["athlete_id"],
        "version": world.job(job_id)["version"],
    }


def test_a_lease_that_cannot_be_renewed_is_renewed_once_it_can(world, job_id, caplog):
    """While PostgreSQL takes no writes, no other worker can claim the job either."""
    with claim(world, job_id) as attempt:
        world.write(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'shutting down' USING ERRCODE = '57P01'; END $$"
        )
        world.write(
            "CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        world.until(lambda: "could not renew a lease" in caplog.messages)
        attempt.check()
        world.write("DROP TRIGGER refuse ON jobs")
        before = world.value("SELECT lease_until FROM jobs")
        world.until(lambda: world.value("SELECT lease_until FROM jobs") > before)
        attempt.check()
