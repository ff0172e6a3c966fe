"""Redis, PostgreSQL or the API dies at a point of a task: the rows are those of no kill.

A part of `make test-kills`. Redis comes back empty. The attempt stands still at its point, a commit
or a request to Strava, while the service is killed and started again, and then goes on.
"""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from settings import Settings
from strava.client import StravaClient
from strava.push_subscriptions import subscribe
from tests.conftest import SECRETS
from tests.faults.crash_case import Prepared, run_to_the_end
from tests.faults.crash_tasks import TASKS, newest, synced
from tests.faults.killed_services import Services, database_url, redis_url, services
from tests.faults.test_crash_points import RUNS, strava
from tests.jobs.simulated import RUNNER, Simulated, simulated_strava
from tests.jobs.test_strava_sync import even_track
from tests.jobs.test_strava_webhook import SECRET
from tests.jobs.world import World
from tests.web.api_process import api_process
from web.webhook_address import callback_url, verify_token

__all__ = ["database_url", "redis_url", "services", "strava"]
pytestmark = pytest.mark.kills
POINTS = {"backfill": 3, "webhook": 2, "incremental": 1, "disconnect": 1, "erase": 1}
"""How many points of each task, of each of the two services."""
KILLED = ("PostgreSQL", "Redis")


@pytest.mark.parametrize("killed", KILLED)
@pytest.mark.parametrize("task", POINTS)
def test_the_rows_are_those_of_no_kill(
    task: str,
    killed: str,
    settings: Settings,
    services: Services,
    strava: Simulated,
    redis_url: str,
    tmp_path: Path,
) -> None:
    kill = services.kill_postgres if killed == "PostgreSQL" else services.kill_redis
    with Redis.from_url(redis_url) as redis:
        prepared = Prepared(TASKS[task], settings, strava, redis, tmp_path, services.clone_of)
        expected = prepared.run()
        # the two services die at other points, evenly spread
        among, shift = POINTS[task], KILLED.index(killed)
        points = [
            1 + (2 * part + 1 + shift) * len(expected.points) // (2 * among + 2)
            for part in range(among)
        ]
        wrong = {
            f"{point} {expected.points[point - 1]}": different
            for point in points
            if (different := prepared.run(point, kill).differs_from(expected))
        }
    assert not wrong, json.dumps(wrong, indent=1)


MOMENTS = ("before the events", "between the events", "after the events", "while they are applied")


@pytest.fixture
def patient_strava(tmp_path: Path) -> Iterator[Simulated]:
    """It tells an event again after a time in which the API has started."""
    with simulated_strava(runs=RUNS, athletes=1, webhook_retry_delay_s=10) as simulated:
        yield simulated


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_api_loses_no_event(
    moment: str, settings: Settings, patient_strava: Simulated, redis_url: str, tmp_path: Path
) -> None:
    """Strava tells it again until it is answered."""
    addresses = {
        "strava_api_url": f"{patient_strava.url}/api/v3",
        "strava_oauth_url": f"{patient_strava.url}/oauth",
        "secret_key": SecretStr(SECRETS["secret_key"]),
        "strava_webhook_secret": SecretStr(SECRET),
    }
    settings = settings.model_copy(update=addresses)
    with Redis.from_url(redis_url) as redis:
        world = World(settings, patient_strava, redis, tmp_path)
        athlete = synced(world)
        with api_process(settings, tmp_path) as api:
            _subscribe(settings, f"http://{api.address}")
            _make_changes(world, moment, api.pid)
        with api_process(settings, tmp_path, int(api.address.rpartition(":")[2])):
            world.until(lambda: _told(world) == CHANGES)
        run_to_the_end(world)
        found, there = world.derived(), {each["name"] for each in world.strava.activities()}
        assert {row["name"] for row in found["activities"]} == there
        job = world.sync(athlete, mode="FULL")
        changed = ("activities_created", "activities_updated", "activities_deleted")
        assert (job["status"], [job[each] for each in changed]) == ("SUCCEEDED", [0, 0, 0])
        assert world.derived() == found
        world.close()


CHANGES = 4


def _subscribe(settings: Settings, api_url: str) -> None:
    with StravaClient.from_settings(settings) as client:
        subscribe(client, callback_url(settings, api_url), verify_token(settings))


def _make_changes(world: World, moment: str, api: int) -> None:
    """Change activities, and kill the API at the moment."""
    kill = partial(os.kill, api, signal.SIGKILL)
    first, second, *_ = newest(world)
    if moment == "before the events":
        kill()
    world.strava.control("PATCH", f"/activities/{first}", json={"name": "Renamed"})
    world.strava.control("DELETE", f"/activities/{second}")
    if moment == "between the events":
        kill()
    world.strava.control("PATCH", f"/activities/{first}", json={"name": "Renamed again"})
    new = {"activity": {"name": "New"}, "streams": even_track(5000, 1500)}
    world.strava.control("POST", f"/athletes/{RUNNER}/activities", json=new)
    if moment in {"after the events", "while they are applied"}:
        world.until(lambda: _told(world) == CHANGES)
    if moment == "after the events":
        kill()
    if moment == "while they are applied":
        run_to_the_end(world, 5, kill)


def _told(world: World) -> int:
    sent = world.strava.control("GET", "/deliveries")
    return sum(200 in each["attempts"] for each in sent)
