"""Events that bring no news spend a budget of their own, and cannot keep out what is new."""

from datetime import timedelta

import pytest

from tests.jobs.simulated import RUNNER
from tests.jobs.test_revoked_without_quota import tell_end, wakes
from tests.jobs.test_strava_sync import even_track
from tests.jobs.test_strava_webhook import EVENTS, Webhook, named, settings, webhook

pytestmark = pytest.mark.whole

__all__ = ["settings", "webhook"]

LEVEL = "SELECT level FROM event_budgets"
NOW = "2026-03-01T06:00:00Z"


@pytest.fixture
def runner(world):
    world.settings = world.settings.model_copy(update={"sync_budget_requests": 5})
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    world.write("DELETE FROM sync_budgets")
    return runner


def forge(webhook: Webhook, *ids: int) -> None:
    for strava_id in ids:
        assert webhook.post(webhook.event(object_id=strava_id)).is_success


def resume(world, job) -> dict:
    """What the reconciler does when the budget has regained a request."""
    world.write("UPDATE event_budgets SET level = 1, measured_at = now()")
    world.write(
        "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL WHERE id = :i", i=job["id"]
    )
    return world.work(job["id"])


def test_look_ups_without_news_are_paid_by_the_events_budget_alone(world, webhook, runner):
    forge(webhook, 987_654_321, world.strava.activities()[0]["id"])
    webhook.work()
    assert 3 <= world.value(LEVEL) < 3.1
    assert world.rows("SELECT * FROM sync_budgets") == []


def test_news_cost_nothing(world, webhook, runner):
    for number, activity in enumerate(world.strava.activities()[:8]):
        webhook.change(activity["id"], name=f"News {number}")
    webhook.delivered(8)
    webhook.work()
    assert named(world, world.strava.activities()[7]["id"]) == "News 7"
    assert world.value(LEVEL) >= 4.9


def test_a_flood_of_invented_events_costs_few_requests_and_hides_nothing(world, webhook, runner):
    activities = world.strava.activities()
    gone, changed = activities[0]["id"], activities[1]["id"]
    forge(webhook, *range(900_000_000, 900_000_200))
    webhook.change(changed, name="Really changed")
    webhook.delete(gone)
    new = webhook.control(
        "POST", f"/athletes/{RUNNER}/activities",
        json={"activity": {"start_date": NOW}, "streams": even_track(5000, 1500)},
    )["id"]  # fmt: skip
    webhook.delivered(3)
    world.strava.forget_requests()
    [job] = webhook.work()
    assert (job["status"], job["failures"]) == ("WAITING", 0)
    assert "no news" in job["progress_message"]
    assert resume(world, job)["status"] == "WAITING"  # the deleted one is still to be looked up
    assert named(world, changed) == "Really changed"
    states = "SELECT streams_state FROM activities WHERE strava_id = :i"
    assert world.value(states, i=new) == "STORED"
    for _ in range(20):  # each regains one request
        row = resume(world, job)
        if row["status"] != "WAITING":
            break
    assert (row["status"], named(world, gone)) == ("SUCCEEDED", None)
    assert world.rows(EVENTS) == []
    assert world.strava.requests("/api/v3") < 25
    assert world.rows("SELECT * FROM sync_budgets") == []


def test_a_flood_makes_no_backfill_go_first(world, webhook, runner):
    """What the newest page brings is derived, and not what a sync has left to do."""
    forge(webhook, *range(900_000_000, 900_000_050))
    [job] = webhook.work()
    world.write("UPDATE activities SET streams_state = 'PENDING'")
    new = world.strava.add(streams=even_track(5000, 1500), start_date=NOW)
    world.strava.forget_requests()
    resume(world, job)
    assert world.strava.requests("/streams") == 1
    states = "SELECT streams_state FROM activities WHERE strava_id = :i"
    assert world.value(states, i=new) == "STORED"


def test_while_events_wait_the_athlete_syncs(world, webhook, runner):
    forge(webhook, *range(900_000_000, 900_000_050))
    assert [job["status"] for job in webhook.work()] == ["WAITING"]
    new = world.strava.add(streams=even_track(5000, 1500), start_date=NOW)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert named(world, new) is not None


def test_invented_revocations_are_paid_too(world, webhook, runner):
    for _ in range(7):
        event = webhook.event(
            object_type="athlete", object_id=RUNNER, updates={"authorized": "false"}
        )
        assert webhook.post(event).is_success
        job = webhook.work()[-1:]
    assert [
        each["status"] for each in job or world.rows("SELECT * FROM jobs WHERE status = 'WAITING'")
    ] == ["WAITING"]
    assert world.value("SELECT count(*) FROM strava_connections") == 1


@pytest.fixture
def flooded(world, webhook, runner) -> dict:
    """The job of an athlete whose events have used up their budget."""
    forge(webhook, *range(900_000_000, 900_000_050))
    [job] = webhook.work()
    assert (job["status"], job["checkpoint"]["flooded"]) == ("WAITING", True)
    world.strava.forget_requests()
    return job


def work_in(world, seconds: float, job: dict) -> dict:
    """What the job is after an attempt as many seconds after the one before."""
    earlier = "to_jsonb((checkpoint ->> 'proof_at')::float8 - :seconds)"
    world.write(
        "UPDATE jobs SET status = 'QUEUED', waiting_until = NULL, checkpoint = CASE WHEN checkpoint "
        f"? 'proof_at' THEN jsonb_set(checkpoint, '{{proof_at}}', {earlier}) ELSE checkpoint END "
        "WHERE id = :i", i=job["id"], seconds=seconds,
    )  # fmt: skip
    return world.work(job["id"])


def test_a_flood_delays_no_end_of_the_access_by_a_minute(world, webhook, flooded):
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered()
    assert wakes(world) == [("STRAVA_WEBHOOK", "QUEUED")]
    job = world.work(flooded["id"])
    assert job["status"] == "WAITING"
    wait = world.value("SELECT waiting_until - now() FROM jobs WHERE id = :i", i=job["id"])
    assert timedelta() < wait <= timedelta(seconds=20)

    assert work_in(world, 20, job)["status"] == "SUCCEEDED"
    assert world.value("SELECT arguments FROM jobs WHERE kind = 'ERASE_ATHLETE'") == {
        "cause": "REVOKED"
    }
    assert world.strava.requests("/api/") == 0


def test_invented_ends_renew_tokens_seldom(world, webhook, flooded):
    tell_end(webhook)
    assert work_in(world, 0, flooded)["status"] == "WAITING"
    for seconds, renewals in ((5, 0), (15, 1), (0, 1), (20, 2)):
        tell_end(webhook)
        assert work_in(world, seconds, flooded)["status"] == "WAITING"
        assert world.strava.requests("/oauth/token") == renewals
    assert world.value("SELECT count(*) FROM strava_connections") == 1
    assert world.strava.requests("/api/") == 0


def test_who_invents_ends_all_the_time_keeps_no_news_out(world, webhook, flooded):
    new = world.strava.add(streams=even_track(5000, 1500), start_date=NOW)
    tell_end(webhook)
    assert work_in(world, 0, flooded)["status"] == "WAITING"
    assert named(world, new) is None
    tell_end(webhook)
    assert resume(world, flooded)["status"] == "WAITING"
    assert named(world, new) is not None
    assert world.strava.requests("/oauth/token") == 0


def test_activities_prove_an_end_whose_proof_waits(world, webhook, flooded):
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered()
    assert resume(world, flooded)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM jobs WHERE kind = 'ERASE_ATHLETE'") == 1


def test_activities_that_wait_for_quota_keep_no_proof_waiting(world, webhook, flooded):
    world.strava.control(
        "PUT", "/rate-limits", json={"read_quarter_hour": 1, "read_day": 1, "used": 1}
    )
    tell_end(webhook)
    job = resume(world, flooded)
    assert (job["status"], job["quota_until"]) == ("WAITING", None)
    wait = world.value("SELECT waiting_until - now() FROM jobs WHERE id = :i", i=job["id"])
    assert wait <= timedelta(seconds=20)


def test_beyond_what_may_wait_of_an_athlete_strava_repeats(world, webhook, monkeypatch):
    monkeypatch.setattr("web.strava_intake._MOST_STORED", 2)
    world.connect()
    for number in (1, 2):
        assert webhook.post(webhook.event(object_id=number)).status_code == 200
    refused = webhook.post(webhook.event(object_id=3))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert webhook.outcomes == {"stored": 2, "too_many": 1}
    tell_end(webhook)  # which could else be kept out
    assert [row["object_id"] for row in world.rows(EVENTS)] == [1, 2, RUNNER]


def test_a_flood_that_fills_the_memory_keeps_no_end_out(world, webhook, monkeypatch):
    monkeypatch.setattr("web.strava_intake._MOST_WAITING", 0)
    world.connect()
    assert webhook.post(webhook.event(object_id=1)).status_code == 503
    tell_end(webhook)
    assert [row["object_id"] for row in world.rows(EVENTS)] == [RUNNER]
