"""While Strava does not answer, its events cost nothing and their jobs come back less often."""

import pytest

from tests.jobs.simulated import RUNNER
from tests.jobs.test_forged_events import LEVEL, flooded, forge, resume, runner, work_in
from tests.jobs.test_revoked_without_quota import tell_end, wakes
from tests.jobs.test_strava_webhook import EVENTS, named, settings, webhook

pytestmark = pytest.mark.whole

__all__ = ["flooded", "runner", "settings", "webhook"]

ERASURES = "SELECT count(*) FROM jobs WHERE kind = 'ERASE_ATHLETE'"
FLOODS = "SELECT count(*) FROM strava_troubles WHERE kind = 'event_budget_spent'"
FULL = 5


def wait_s(world, job: dict) -> float:
    """Seconds until the job goes on."""
    wait = world.value("SELECT waiting_until - now() FROM jobs WHERE id = :i", i=job["id"])
    return wait.total_seconds()


def level(world) -> float:
    return min(FULL, world.value(f"SELECT coalesce(min(level), {FULL}) FROM event_budgets"))


@pytest.fixture
def unproved(world, webhook, runner) -> dict:
    """The job of an athlete who revoked the access right before Strava went down."""
    for number, activity in enumerate(world.strava.activities()[:6]):
        webhook.change(activity["id"], name=f"Told before the end {number}")
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered(7)
    world.strava.fault("unavailable", times=1000)
    world.strava.forget_requests()
    [job] = webhook.work()
    return job


def test_an_end_that_strava_does_not_prove_is_looked_into_soon_after_it_answers(world, unproved):
    job, asked = unproved, []
    for pause_s in (20, 40, 80, 120, 120, 120, 120):
        assert (job["status"], job["failures"]) == ("WAITING", 0)
        assert pause_s - 10 < wait_s(world, job) <= pause_s
        assert (level(world), world.value(FLOODS)) == (FULL, 0)
        asked.append(world.strava.requests("/api/"))
        world.strava.forget_requests()
        job = work_in(world, pause_s, job)
    assert asked == [1] + 6 * [0]  # and for no activity
    world.strava.heal()
    assert work_in(world, 120, job)["status"] == "SUCCEEDED"
    assert world.value(ERASURES) == 1


def test_who_invents_ends_has_a_strava_that_is_away_asked_no_more_often(world, webhook, unproved):
    before_s = wait_s(world, unproved)
    world.strava.forget_requests()
    tell_end(webhook)
    assert wakes(world) == [("STRAVA_WEBHOOK", "QUEUED")]
    job = world.work(unproved["id"])
    assert (job["status"], job["checkpoint"]["unanswered"]) == ("WAITING", 1)
    assert wait_s(world, job) <= before_s
    assert world.strava.requests() == 0


def test_an_end_that_is_not_true_is_dropped_once_strava_answers(world, webhook, runner):
    world.strava.fault("unavailable", times=1000)
    webhook.change(world.strava.activities()[0]["id"], name="Changed in the outage")
    tell_end(webhook)
    webhook.delivered()
    [job] = webhook.work()
    assert (job["status"], world.rows(EVENTS)[0]["object_type"]) == ("WAITING", "activity")
    world.strava.heal()
    job = work_in(world, 20, job)
    assert (job["status"], world.rows(EVENTS), world.value(ERASURES)) == ("SUCCEEDED", [], 0)
    assert named(world, world.strava.activities()[0]["id"]) == "Changed in the outage"
    assert not {"unanswered", "proof_at"} & set(job["checkpoint"])


def test_activities_that_strava_does_not_answer_for_cost_nothing(world, webhook, runner):
    world.strava.fault("unavailable", times=1000)
    forge(webhook, *range(900_000_000, 900_000_010))
    world.strava.forget_requests()
    [job] = webhook.work()
    for _ in range(2):
        assert (job["status"], level(world), world.value(FLOODS)) == ("WAITING", FULL, 0)
        assert world.strava.requests() == 4  # for three activities, and for the athlete
        world.strava.forget_requests()
        job = work_in(world, 0, job)
    world.strava.heal()
    job = work_in(world, 0, job)
    assert (job["status"], job["checkpoint"]["flooded"]) == ("WAITING", True)
    assert level(world) < 1


def test_activities_alone_that_strava_does_not_answer_for_are_paid(world, webhook, runner):
    """Else events of them could have it asked without end."""
    world.strava.fault("unavailable", path="/activities/", times=1000)
    forge(webhook, *range(900_000_000, 900_000_010))
    world.strava.forget_requests()
    [job] = webhook.work()
    assert (job["status"], job["checkpoint"]["flooded"]) == ("WAITING", True)
    assert level(world) < 1
    assert world.strava.requests("/activities/") == 3 + FULL


def test_the_newest_page_costs_nothing_until_strava_answers(world, webhook, flooded):
    world.strava.fault("unavailable", path="/api/", times=1000)
    assert resume(world, flooded)["checkpoint"]["flooded"]
    assert 1 <= world.value(LEVEL) < 1.1
    world.strava.heal()
    resume(world, flooded)
    assert world.value(LEVEL) < 1


def test_what_waits_for_the_quota_costs_nothing_until_then(world, webhook, runner):
    world.strava.control(
        "PUT", "/rate-limits", json={"read_quarter_hour": 1, "read_day": 1, "used": 1}
    )
    forge(webhook, 900_000_000)
    [job] = webhook.work()
    for _ in range(3):
        assert (job["status"], job["quota_until"] is not None) == ("WAITING", True)
        assert level(world) == FULL
        job = work_in(world, 0, job)
