"""One athlete's syncs leave quota to the others."""

from datetime import UTC, datetime, timedelta

from jobs.reconcile import Reconciler
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER


def limit(world, requests: int, refill_per_h: float = 60) -> None:
    world.settings = world.settings.model_copy(
        update={"sync_budget_requests": requests, "sync_budget_refill_per_h": refill_per_h}
    )


def level(world) -> float:
    return world.value("SELECT level FROM sync_budgets")


def test_what_brings_new_data_is_free(world):
    limit(world, 3)
    runner = world.connect()
    job = world.sync(runner)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", RUNS)
    assert level(world) == 3
    world.sync(runner, mode="FULL")
    assert level(world) < 1


def test_syncs_without_end_wait_until_the_budget_is_filled_again(world):
    limit(world, 8)
    runner = world.connect()
    one = world.strava.activities()[0]["id"]
    assert world.sync(runner, activity_id=one)["status"] == "SUCCEEDED"
    world.strava.forget_requests()
    for _ in range(20):
        job = world.sync(runner, activity_id=one)
        if job["status"] != "SUCCEEDED":
            break
    assert (job["status"], job["failures"]) == ("WAITING", 0)
    assert "budget" in job["progress_message"]
    assert world.strava.requests("/api/v3") <= 8
    left = job["waiting_until"] - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=61)
    assert world.value("SELECT count FROM strava_troubles WHERE kind = 'budget_spent'") == 1

    world.write("UPDATE sync_budgets SET measured_at = measured_at - interval '1 minute'")
    world.write("UPDATE jobs SET waiting_until = now() WHERE id = :id", id=job["id"])
    Reconciler(world.settings, world.database, world.redis).run_once()
    assert world.work(job["id"])["status"] == "SUCCEEDED"


def test_a_budget_is_the_athletes_own_and_never_more_than_its_size(world):
    limit(world, 3)
    runner, other = world.connect(RUNNER), world.connect(1002, first_name="Ana")
    ones = {
        athlete: world.strava.activities(strava_athlete)[0]["id"]
        for athlete, strava_athlete in ((runner, RUNNER), (other, 1002))
    }
    while world.sync(runner, activity_id=ones[runner])["status"] == "SUCCEEDED":
        pass
    assert world.sync(other, activity_id=ones[other])["status"] == "SUCCEEDED"
    world.write("UPDATE sync_budgets SET measured_at = now() - interval '1 year'")
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE status = 'WAITING'")
    done = 0
    job = world.work(world.create(runner, activity_id=ones[runner]))
    while job["status"] == "SUCCEEDED":
        done += 1
        job = world.sync(runner, activity_id=ones[runner])
    assert 1 <= done <= 3


def test_streams_are_asked_for_again_within_the_budget(world):
    limit(world, 2)
    runner = world.connect()
    world.sync(runner)
    world.write(
        "UPDATE activities SET streams_state = 'UNREAD', streams_tries = 4, streams_retry_at = now()"
    )
    world.write("UPDATE sync_budgets SET level = 2, measured_at = now()")
    world.strava.forget_requests()
    world.settings = world.settings.model_copy(update={"strava_page_size": 200})
    job = world.sync(runner)
    assert job["status"] in {"SUCCEEDED", "WAITING"}
    assert world.strava.requests("/api/v3") <= 3


def test_without_a_budget_there_is_no_limit(world):
    limit(world, 0)
    runner = world.connect()
    one = world.strava.activities()[0]["id"]
    for _ in range(3):
        assert world.sync(runner, activity_id=one)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM sync_budgets") == 0
