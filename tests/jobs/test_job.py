"""Making, cancelling and retrying jobs."""

import threading

import pytest

from db.statements.jobs import job as statements
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture


def test_asking_again_returns_the_active_job(world):
    runner, other = world.athlete(), world.athlete()
    first = world.create(runner)
    assert world.create(runner) == first
    assert world.create(runner, "PERSONAL_BESTS") != first
    assert world.create(other) != first
    everybody = world.create(None, "PERSONAL_BESTS")
    assert world.create(None, "PERSONAL_BESTS") == everybody


def test_many_at_once_make_one_job(world):
    runner, made = world.athlete(), []
    threads = [threading.Thread(target=lambda: made.append(world.create(runner))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_a_job_that_does_not_run_is_cancelled_at_once(world):
    for status, until in (("QUEUED", "NULL"), ("WAITING", "now()")):
        job_id = world.create(world.athlete())
        world.write(
            f"UPDATE jobs SET status = '{status}', waiting_until = {until} WHERE id = :id",
            id=job_id,
        )
        news = world.change_job(statements.cancel(), job_id=job_id)
        assert (news.status, news.version) == ("CANCELLED", 1)
        assert world.job(job_id)["error_code"] == "CANCELLED"
        assert world.change_job(statements.cancel(), job_id=job_id) is None


def test_a_failed_or_cancelled_job_goes_on_from_its_checkpoint(world):
    runner = world.connect()
    # the question whether Strava answers at all is refused, too
    world.strava.fault("inactive", path="/streams|/athlete$", skip=5, times=None)
    job = world.sync(runner)
    assert (job["status"], job["progress_done"]) == ("FAILED", 5)
    world.strava.heal()
    world.strava.forget_requests()
    assert world.change_job(statements.retry(), job_id=job["id"]).status == "QUEUED"
    assert world.change_job(statements.retry(), job_id=job["id"]) is None
    job = world.work(job["id"])
    assert (job["status"], job["error_code"], job["progress_done"]) == ("SUCCEEDED", None, RUNS)
    assert (world.strava.requests("/athlete/activities"), world.strava.requests("/streams")) == (
        0,
        RUNS - 5,
    )


def test_retrying_beside_an_active_job_does_nothing(world):
    runner = world.athlete()
    first = world.create(runner)
    world.change_job(statements.cancel(), job_id=first)
    world.create(runner)
    assert world.change_job(statements.retry(), job_id=first) is None


@pytest.mark.parametrize("changes", [{"status": "SUCCEEDED", "finished_at": "now()"}])
def test_a_job_that_succeeded_is_not_retried(world, changes):
    job_id = world.create(world.athlete())
    world.write(
        "UPDATE jobs SET " + ", ".join(f"{name} = '{value}'" for name, value in changes.items())
    )
    assert world.change_job(statements.retry(), job_id=job_id) is None
