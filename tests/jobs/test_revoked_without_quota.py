"""An end of the access to Strava is looked into at once, whatever the athlete's events wait for."""

import pytest

from flags.rollout import OFF, ON
from flags.store import FlagStore
from flags.switches import Flag
from jobs.reconcile import Reconciler
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER
from tests.jobs.test_strava_webhook import Webhook, runner, settings, webhook

__all__ = ["runner", "settings", "webhook"]

ACTIVITIES = "SELECT count(*) FROM activities"


def wakes(world) -> list[tuple[str, str]]:
    """Look at the rows as the reconciler does; returns the jobs that it queued."""
    changed = Reconciler(world.settings, world.database, world.redis).look_at_rows()
    return [(row.kind, row.status) for row in changed]


def tell_end(webhook: Webhook) -> None:
    event = webhook.event(object_type="athlete", object_id=RUNNER, updates={"authorized": "false"})
    assert webhook.post(event).is_success


@pytest.fixture
def waiting(world, webhook, runner) -> dict:
    """The job of the athlete's events, which waits for the quota."""
    world.strava.control(
        "PUT", "/rate-limits", json={"read_quarter_hour": 1, "read_day": 1, "used": 1}
    )
    webhook.change(world.strava.activities()[0]["id"], name="Waits for the quota")
    webhook.delivered()
    [job] = webhook.work()
    assert (job["status"], job["quota_until"] is not None) == ("WAITING", True)
    return job


def test_the_end_of_an_access_waits_for_no_quota(world, webhook, waiting):
    assert wakes(world) == []
    world.strava.forget_requests()

    tell_end(webhook)  # which is not true
    flags = FlagStore(world.settings, world.redis)
    flags.set(Flag.BACKGROUND_SYNC, OFF)
    assert wakes(world) == []  # nor is it put off again and again
    flags.set(Flag.BACKGROUND_SYNC, ON)
    assert wakes(world) == [("STRAVA_WEBHOOK", "QUEUED")]
    job = world.work(waiting["id"])
    assert (job["status"], job["failures"]) == ("WAITING", 0)
    assert world.strava.requests("/api/") == 0
    assert world.value(ACTIVITIES) == RUNS
    assert wakes(world) == []  # it was looked into

    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered(2)
    assert wakes(world) == [("STRAVA_WEBHOOK", "QUEUED")]
    assert world.work(waiting["id"])["status"] == "SUCCEEDED"
    erasure = world.one("SELECT id FROM jobs WHERE kind = 'ERASE_ATHLETE'")
    assert world.work(erasure["id"])["status"] == "SUCCEEDED"
    assert world.value(ACTIVITIES) == 0
    assert world.strava.requests("/api/") == 0


def test_an_end_is_proved_where_only_the_api_is_away(world, webhook, runner):
    """The tokens are renewed at another address."""
    world.strava.fault("unavailable", path="/api/", times=1000)
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered()
    assert [job["status"] for job in webhook.work()] == ["SUCCEEDED"]
    assert world.value("SELECT count(*) FROM jobs WHERE kind = 'ERASE_ATHLETE'") == 1
