"""Who connects to Strava again while the end of the old access is under way stays connected."""

import pytest

import jobs.runner
from db.statements.jobs import job_lease
from jobs.reconcile import Reconciler
from jobs.sync.problems import check_strava
from jobs.tasks import strava_webhook
from strava.errors import StravaUnauthorized
from tests.faults.crash_tasks import tell
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER


@pytest.fixture
def runner(world):
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    return runner


@pytest.mark.parametrize(
    ("kind", "arguments", "kept"),
    [
        ("STRAVA_DISCONNECT", {}, RUNS),
        ("ERASE_ATHLETE", {"cause": "REVOKED"}, RUNS),
        ("ERASE_ATHLETE", {}, 0),
    ],
)
def test_who_connected_again_before_a_worker_was_free_stays_connected(
    world, runner, kind, arguments, kept
):
    asked = world.create(runner, kind, **arguments)
    world.grant(runner)  # what is older than this is not what ends it
    job = world.work(asked)
    assert (job["status"], job["error_message"]) == ("SUCCEEDED", None)
    assert "connected again" in job["progress_message"]
    assert world.value("SELECT count(*) FROM activities") == kept
    assert world.value("SELECT count(*) FROM erasures") == (kept == 0)
    sync = world.sync(runner)  # Strava takes the tokens, and all is read anew
    assert (sync["status"], sync["activities_created"]) == ("SUCCEEDED", RUNS - kept)
    assert world.value("SELECT count(*) FROM activities") == RUNS
    again = world.work(world.create(runner, "STRAVA_DISCONNECT"))
    assert (again["status"], again["progress_message"]) == ("SUCCEEDED", None)
    assert world.value("SELECT count(*) FROM strava_connections") == 0


@pytest.mark.parametrize("is_running", [False, True])
def test_an_import_that_was_begun_since_begins_again_when_the_data_is_gone(
    world, runner, is_running
):
    """What it had stored before goes as well."""
    asked = world.create(runner, "ERASE_ATHLETE")
    world.grant(runner)
    first = world.create(runner)
    world.strava.fault("unavailable", path="/api/v3/", times=None)
    assert world.work(first)["status"] == "WAITING"
    world.strava.heal()
    if is_running:
        world.write(
            "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE id = :i", i=first
        )
        assert world.change_job(job_lease.claim(), job_id=first, lease_s=60)
    assert world.work(asked)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == 0
    Reconciler(world.settings, world.database, world.redis).look_at_rows()
    row = world.job(first)
    assert (row["status"], row["checkpoint"], row["cancel_requested"]) == ("QUEUED", {}, False)
    assert world.work(first)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == RUNS
    assert world.value("SELECT count(*) FROM activity_streams") == RUNS


def test_what_was_begun_before_the_erasure_ends_with_it(world, runner):
    before = world.create(runner)
    asked = world.create(runner, "ERASE_ATHLETE")
    world.grant(runner)
    world.work(asked)
    assert world.job(before)["status"] == "CANCELLED"


def test_a_connection_from_before_the_clock_was_set_back_is_ended(world, runner):
    world.write("UPDATE strava_connections SET connected_at = now() + interval '1 h'")
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM strava_connections") == 0


def test_a_revocation_that_a_new_grant_followed_erases_nothing(world, runner, monkeypatch):
    """The athlete grants again right after the tokens were found to be refused."""

    def check(asked) -> None:
        try:
            check_strava(asked)
        except StravaUnauthorized:
            world.grant(runner)
            raise

    monkeypatch.setattr(strava_webhook, "check_strava", check)
    world.strava.control("POST", f"/athletes/{RUNNER}/deauthorize")
    tell(world, "athlete", RUNNER)
    assert world.work(world.create(runner, "STRAVA_WEBHOOK"))["status"] == "SUCCEEDED"
    assert world.rows("SELECT id FROM jobs WHERE kind = 'ERASE_ATHLETE'") == []
    assert world.rows("SELECT * FROM strava_events") == []
    assert world.sync(runner)["status"] == "SUCCEEDED"


def test_a_job_that_old_tokens_ended_does_not_refuse_the_new_grant(world, runner, monkeypatch):
    find = jobs.runner.outcome_of

    def find_late(*arguments):
        world.grant(runner)
        return find(*arguments)

    monkeypatch.setattr(jobs.runner, "outcome_of", find_late)
    world.strava.control("POST", f"/athletes/{RUNNER}/deauthorize")
    job = world.sync(runner)
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert world.value("SELECT refused_at FROM strava_connections") is None


def test_tokens_that_are_renewed_are_no_revocation(world, runner):
    """Whatever Strava answers to them."""
    world.strava.fault("unauthorized", path="/api/v3/athlete$", times=None)
    tell(world, "athlete", RUNNER)
    job = world.work(world.create(runner, "STRAVA_WEBHOOK"))
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert world.rows("SELECT id FROM jobs WHERE kind = 'ERASE_ATHLETE'") == []
    assert world.value("SELECT count(*) FROM activities") == RUNS
    assert len(world.rows("SELECT * FROM strava_events")) == 1  # looked at again later
