"""What goes with a connection to Strava goes within a minute, and a receipt without a name stays."""

from datetime import timedelta

import pytest

from jobs.reconcile import Reconciler
from tests import factories as make
from tests.jobs.clocks import clock_ahead
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER

RECEIPTS = "SELECT cause, is_data_kept, is_revoked, activities, streams, best_efforts, personal_bests FROM erasures"
COUNTS = (
    "SELECT (SELECT count(*) FROM activities) AS activities, (SELECT count(*) FROM activity_streams) AS streams, "
    "(SELECT count(*) FROM best_efforts) AS best_efforts, (SELECT count(*) FROM personal_bests) AS personal_bests"
)


@pytest.fixture
def runner(world):
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    return runner


def test_a_receipt_counts_what_went(world, runner):
    counts = world.one(COUNTS)
    assert counts["activities"] == RUNS
    job = world.work(world.create(runner, "ERASE_ATHLETE"))
    assert (job["status"], job["progress_message"]) == ("SUCCEEDED", None)
    told = {"cause": "ASKED", "is_data_kept": False, "is_revoked": True}
    assert world.rows(RECEIPTS) == [told | counts]
    assert set(world.one(COUNTS).values()) == {0}
    columns = set(world.one("SELECT * FROM erasures"))
    assert not {"athlete_id", "strava_athlete_id"} & columns


def test_a_receipt_says_that_the_data_was_kept(world, runner):
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    kept = {"cause": "ASKED", "is_data_kept": True, "is_revoked": True}
    assert world.rows(RECEIPTS) == [
        kept | dict.fromkeys(("activities", "streams", "best_efforts", "personal_bests"), 0)
    ]


def test_jobs_keep_nothing_of_stravas_data(world, runner):
    strava_id = world.strava.activities()[0]["id"]
    world.strava.change(strava_id, elapsed_time=2**40)
    world.sync(runner)
    assert world.value("SELECT count(*) FROM job_problems") == 1
    job = world.work(world.create(runner, "ERASE_ATHLETE"))
    kept = world.rows(
        "SELECT DISTINCT checkpoint::text, arguments::text FROM jobs WHERE id <> :i", i=job["id"]
    )
    assert kept == [{"checkpoint": "{}", "arguments": "{}"}]
    assert "bests" not in job["checkpoint"]
    assert world.value("SELECT count(*) FROM job_problems") == 0


def test_without_an_answer_of_strava_the_data_goes_within_a_minute(world, runner):
    world.strava.fault("unavailable", path="/oauth", times=None)
    job = world.work(world.create(runner, "ERASE_ATHLETE"))
    assert job["status"] == "WAITING"
    world.write(
        "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL, started_at = now() - interval '31 s' WHERE id = :i",
        i=job["id"],
    )  # fmt: skip
    job = world.work(job["id"])
    assert job["status"] == "SUCCEEDED"
    assert "My Apps" in job["progress_message"]
    assert world.value("SELECT count(*) FROM strava_connections") == 0
    assert world.value("SELECT count(*) FROM activities") == 0
    assert world.value("SELECT is_revoked FROM erasures") is False


def test_a_worker_whose_clock_is_ahead_withdraws_the_access_too(world, runner):
    with clock_ahead(timedelta(hours=1)):
        assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.value("SELECT is_revoked FROM erasures")


def test_the_last_attempt_does_not_fail_because_of_strava(world, runner):
    world.settings = world.settings.model_copy(update={"job_max_attempts": 1})
    world.strava.fault("unavailable", path="/oauth", times=None)
    assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == 0


def test_while_all_workers_are_busy_the_reconciler_deletes(world, runner):
    busy = world.connect(strava_athlete=RUNNER + 1)
    world.strava.fault("slow", path="/streams", delay_s=30, times=None)
    world.start_workers(1)
    job = world.enqueue(world.create(busy))
    world.await_job(job, "RUNNING")
    erasure = world.enqueue(world.create(runner, "ERASE_ATHLETE"))
    world.await_job(erasure, "SUCCEEDED", within_s=40)
    assert world.job(job)["status"] == "RUNNING"


def test_while_all_workers_are_busy_an_end_of_the_access_is_proved(world, runner):
    world.strava.fault("slow", path="/streams", delay_s=30, times=None)
    world.start_workers(1)
    job = world.enqueue(world.create(world.connect(strava_athlete=RUNNER + 1)))
    world.await_job(job, "RUNNING")
    world.strava.control("POST", f"/athletes/{RUNNER}/deauthorize")
    world.write(
        "INSERT INTO strava_events (connection_id, object_type, object_id) "
        "SELECT id, 'athlete', strava_athlete_id FROM strava_connections WHERE athlete_id = :a",
        a=runner,
    )
    world.enqueue(world.create(runner, "STRAVA_WEBHOOK"))
    activities = "SELECT count(*) FROM activities WHERE athlete_id = :a"
    world.until(lambda: world.value(activities, a=runner) == 0, within_s=55)
    assert world.job(job)["status"] == "RUNNING"


@pytest.mark.parametrize("kind", ["ERASE_ATHLETE", "STRAVA_DISCONNECT"])
def test_a_worker_that_died_when_all_was_done_leaves_one_receipt(world, runner, kind):
    world.strava.fault("inactive", path="/oauth", times=1)  # so that Strava is not told
    job = world.work(world.create(runner, kind))
    receipts = world.rows(RECEIPTS)
    assert (len(receipts), job["progress_message"] is None) == (1, False)
    world.write(
        "UPDATE jobs SET status = 'RUNNING', finished_at = NULL, lease_until = now() - interval '1 s' WHERE id = :id",
        id=job["id"],
    )
    Reconciler(world.settings, world.database, world.redis).look_at_rows()
    again = world.work(job["id"])
    assert (again["status"], again["attempts"]) == ("SUCCEEDED", 2)
    assert again["progress_message"] == job["progress_message"]
    assert world.rows(RECEIPTS) == receipts


FORMER = "SELECT athlete_id, strava_athlete_id FROM former_connections"


def test_whose_data_is_kept_is_found_by_a_later_sign_in(world, runner):
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    former = [{"athlete_id": runner, "strava_athlete_id": RUNNER}]
    assert world.rows(FORMER) == former
    world.grant(runner)
    assert world.rows(FORMER) == []
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    assert world.rows(FORMER) == former
    assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.rows(FORMER) == []  # nothing is left to be found


def test_who_has_activities_from_files_finds_them_after_an_erasure(world, runner):
    with world.database.write() as db:
        make.create_activity(db, runner, source="FILE", strava_id=None)
    assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.rows(FORMER) == [{"athlete_id": runner, "strava_athlete_id": RUNNER}]


def test_rows_that_the_older_service_keeps_are_told(world, caplog):
    """`pacegraph adopt` makes the function (`legacy/adoption/erasure.py`)."""
    world.write("CREATE SCHEMA IF NOT EXISTS legacy")
    world.write(
        "CREATE FUNCTION legacy.erase_athlete(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 2'"
    )
    job = world.work(world.create(world.connect(), "ERASE_ATHLETE"))
    assert job["status"] == "SUCCEEDED"
    assert "older service" in job["progress_message"]
    [told] = [each for each in caplog.records if each.message == "the older service's rows stay"]
    assert told.tables == 2
