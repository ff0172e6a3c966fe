"""What becomes of a job whose attempt fails."""

import logging
import time
from datetime import timedelta
from multiprocessing import get_context

import pytest

from db.models import JobKind
from db.statements.jobs import job as statements
from db.statements.jobs import job_queue
from jobs.reconcile import Reconciler
from jobs.runner import TASKS
from tests.jobs.clocks import clock_ahead
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.patience import PATIENCE_S


def test_out_of_quota_it_waits_shows_what_there_is_and_goes_on(world):
    runner = world.connect()
    job_id = world.create(runner)
    world.strava.control("PUT", "/rate-limits", json={"read_quarter_hour": 8, "used": 0})
    job = world.work(job_id)
    assert (job["status"], job["failures"], job["error_code"]) == ("WAITING", 0, None)
    assert job["waiting_until"].minute % 15 == 0
    assert 0 < job["progress_done"] < RUNS
    assert world.value("SELECT count(*) FROM personal_bests") > 0
    world.strava.control("PUT", "/rate-limits", json={"used": 0})
    world.write("UPDATE jobs SET waiting_until = now()")

    Reconciler(world.settings, world.database, world.redis).run_once()

    assert world.job(job_id)["status"] == "QUEUED"
    job = world.work(job_id)
    assert (job["status"], job["attempts"], job["activities_created"]) == ("SUCCEEDED", 2, RUNS)
    assert (job["progress_done"], job["progress_total"]) == (RUNS, RUNS)
    assert (
        world.value("SELECT count(*) FROM personal_bests WHERE is_current")
        <= job["personal_bests_changed"]
    )


@pytest.mark.parametrize("hours", [1, -1])
def test_it_is_tried_again_by_postgresqls_clock(world, hours):
    runner = world.connect()
    world.strava.fault("unavailable", times=None)
    with clock_ahead(timedelta(hours=hours)):
        assert world.sync(runner)["status"] == "WAITING"
    pause_s = "SELECT extract(epoch FROM waiting_until - now())::float FROM jobs"
    assert -PATIENCE_S < world.value(pause_s) < 3


def test_a_strava_that_is_away_is_tried_again_later_each_time_and_then_given_up(world):
    runner = world.connect()
    job_id = world.create(runner)
    world.strava.fault("unavailable", times=None)
    pauses = []
    for _ in range(world.settings.job_max_attempts - 1):
        job = world.work(job_id)
        assert job["status"] == "WAITING"
        pauses.append(
            world.value("SELECT extract(epoch FROM waiting_until - now())::float FROM jobs")
        )
        world.change_job(job_queue.wake())
        world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    job = world.work(job_id)
    assert (job["status"], job["error_code"], job["error_retryable"]) == (
        "FAILED",
        "STRAVA_UNAVAILABLE",
        True,
    )
    assert job["failures"] == world.settings.job_max_attempts
    assert pauses == sorted(pauses)
    assert 1 < pauses[0] < 3


def test_progress_forgives_earlier_failures(world):
    runner = world.connect()
    job_id = world.create(runner)
    world.write("UPDATE jobs SET failures = 4")
    world.strava.fault("unavailable", path="/streams", skip=5, times=None)
    job = world.work(job_id)
    assert (job["status"], job["failures"], job["progress_done"]) == ("WAITING", 1, 5)
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    assert world.work(job_id)["failures"] == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("unauthorized", "STRAVA_UNAUTHORIZED"),
        ("missing_scope", "STRAVA_SCOPE_MISSING"),
        ("inactive", "STRAVA_APP_INACTIVE"),
        ("athlete_limit", "STRAVA_ATHLETE_LIMIT"),
    ],
)
def test_a_refusal_fails_at_once_and_says_so(world, fault, code):
    runner = world.connect()
    world.strava.fault(fault, path="/api/v3/athlete/activities", times=None)
    job = world.sync(runner)
    assert (job["status"], job["error_code"], job["failures"]) == ("FAILED", code, 1)
    assert job["error_message"]
    refused = world.value("SELECT refused_at IS NOT NULL FROM strava_connections")
    told = world.value("SELECT count(*) > 0 FROM athlete_changes WHERE of_athlete")
    assert told == refused
    assert refused == (fault == "unauthorized")


def test_withdrawn_access_is_remembered_until_the_athlete_connects_again(world):
    runner = world.connect()
    world.strava.control("POST", "/athletes/1001/deauthorize")
    job = world.sync(runner)
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert world.value("SELECT refused_at FROM strava_connections")
    world.grant(runner)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.value("SELECT refused_at FROM strava_connections") is None


def test_without_a_connection_it_says_connect_first(world):
    job = world.sync(world.athlete())
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert "connect" in job["error_message"]


def test_the_unexpected_is_masked_and_logged_once(world, caplog):
    runner = world.connect()
    world.write("ALTER TABLE personal_bests ADD CONSTRAINT surprise CHECK (athlete_id < 0)")
    with caplog.at_level(logging.INFO):
        job = world.sync(runner)
    assert (job["status"], job["error_code"]) == ("FAILED", "INTERNAL")
    assert "surprise" not in job["error_message"]
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info
    assert (record.message, record.outcome) == ("job ended", "failed")
    assert record.duration_ms > 0


def test_tokens_that_no_key_decrypts_are_told(world, caplog):
    runner = world.connect()
    world.write("UPDATE strava_connections SET access_token = 'x', refresh_token = 'x'")
    job = world.sync(runner)
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert job["error_message"].endswith("Connect again.")
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "no key of TOKEN_ENCRYPTION_KEYS" in str(record.exc_info[1])
    world.grant(runner)
    assert world.sync(runner)["status"] == "SUCCEEDED"


def test_a_job_that_is_queued_no_more_is_left_alone(world):
    job_id = world.create(world.connect())
    world.change_job(statements.cancel(), job_id=job_id)
    before = world.job(job_id)
    assert world.work(job_id) == before


def test_a_kind_without_a_task_fails_and_says_so(world, caplog, monkeypatch):
    """As a worker of an older version would, that gets a job of a newer one."""
    others = {kind: task for kind, task in TASKS.items() if kind is not JobKind.STRAVA_WEBHOOK}
    monkeypatch.setattr("jobs.runner.TASKS", others)
    job_id = world.create(world.athlete(), kind="STRAVA_WEBHOOK")
    job = world.work(job_id)
    assert (job["status"], job["error_code"], job["error_retryable"]) == (
        "FAILED",
        "INTERNAL",
        False,
    )
    assert job["error_message"] == "This server cannot run jobs of the kind STRAVA_WEBHOOK."
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_outcome_that_cannot_be_written_at_once_is_written_soon(world):
    """As when PostgreSQL fails over just then; else the job would wait for the end of its lease."""
    world.write("CREATE SEQUENCE tries")
    world.write(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('tries') < 3 THEN RAISE 'shutting down' USING ERRCODE = '57P01'; END IF; "
        "RETURN NEW; END $$"
    )
    world.write(
        "CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW "
        "WHEN (NEW.status = 'SUCCEEDED') EXECUTE FUNCTION refuse()"
    )
    job = world.work(world.create(world.athlete(), "AGE_GRADES"))
    assert (job["status"], job["attempts"]) == ("SUCCEEDED", 1)
    assert world.value("SELECT last_value FROM tries") == 3


def test_an_attempt_that_does_not_stop_ends_with_its_process(world, monkeypatch):
    """No checkpoint interrupts it: its outcome is written, and another attempt may begin."""
    monkeypatch.setattr("jobs.lease.ATTEMPT_GRACE_S", 0.3)
    monkeypatch.setitem(TASKS, JobKind.AGE_GRADES, lambda *_: time.sleep(60))
    world.settings = world.settings.model_copy(update={"job_attempt_max_s": 0.3, "job_lease_s": 1})
    job_id = world.create(world.athlete(), "AGE_GRADES")
    process = get_context("fork").Process(target=world.work, args=(job_id,))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == 1
    job = world.job(job_id)
    assert (job["status"], job["failures"], job["attempts"]) == ("WAITING", 1, 1)
