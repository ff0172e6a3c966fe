"""A worker that is killed before or after any commit or any request to Strava loses and doubles nothing.

`make test-crash-points` tries every point of every task, CRASH_EACH=10 each tenth.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.reconcile import Reconciler
from settings import Settings
from tests.faults.crash_point import attempt
from tests.jobs.simulated import RUNNER, Simulated, simulated_strava
from tests.jobs.test_strava_sync import even_track
from tests.jobs.world import World

pytestmark = pytest.mark.crash_points
SHARES = 8
"""Cases run at once where the machine has the cores."""
EACH = int(os.environ.get("CRASH_EACH", "1"))
"""Every how many points."""
RUNS = Path(__file__).parents[1] / "jobs" / "cases" / "backdated-upload.ndjson"
ACTIVITIES = 4
MOST_REPEATED = 1

Begin = Callable[[World], int]


@dataclass
class Case:
    """What a task ends with: rows, and requests to Strava by method and path."""

    rows: dict[str, Any]
    requests: Counter[str]
    points: list[str] = field(default_factory=list)


# --- tasks: each makes what is there before, and the job


def _newest(world: World) -> list[int]:
    return [activity["id"] for activity in world.strava.activities()]


def _synced(world: World) -> int:
    athlete = world.connect()
    assert world.sync(athlete)["status"] == "SUCCEEDED"
    return athlete


def _changes(world: World) -> None:
    first, second, *_ = _newest(world)
    world.strava.change(first, name="Changed", distance=5000.0)
    world.strava.delete(second)
    world.strava.add(streams=even_track(5000, 1500), start_date="2026-03-01T06:00:00Z")


def backfill(world: World) -> int:
    return world.create(world.connect())


def incremental(world: World) -> int:
    athlete = _synced(world)
    _changes(world)
    return world.create(athlete)


def nightly(world: World) -> int:
    athlete = _synced(world)
    _changes(world)
    return world.create(athlete, mode="FULL", cause="nightly")


def problems(world: World) -> int:
    athlete = _synced(world)
    for strava_id in _newest(world)[:2]:
        world.strava.change(strava_id, name="Tried again")
        world.write(
            "INSERT INTO sync_problems (connection_id, athlete_id, strava_id, stage, code, message, job_id, next_try_at) "
            "SELECT id, athlete_id, :i, 'READING', 'INTERNAL', '', 1, now() FROM strava_connections", i=strava_id,
        )  # fmt: skip
    return world.create(athlete, cause="problems")


def webhook(world: World) -> int:
    athlete = _synced(world)
    first, second, *_ = _newest(world)
    _changes(world)
    for strava_id in (first, second, _newest(world)[0]):
        _tell(world, "activity", strava_id)
    return world.create(athlete, "STRAVA_WEBHOOK")


def revoked(world: World) -> int:
    athlete = _synced(world)
    world.strava.control("POST", f"/athletes/{RUNNER}/deauthorize")
    _tell(world, "athlete", RUNNER)
    return world.create(athlete, "STRAVA_WEBHOOK")


def disconnect(world: World) -> int:
    return world.create(_synced(world), "STRAVA_DISCONNECT")


def erase(world: World) -> int:
    return world.create(_synced(world), "ERASE_ATHLETE")


def _tell(world: World, kind: str, number: int) -> None:
    world.write(
        "INSERT INTO strava_events (connection_id, object_type, object_id) "
        "SELECT id, :kind, :number FROM strava_connections", kind=kind, number=number,
    )  # fmt: skip


TASKS: dict[str, Begin] = {
    each.__name__: each
    for each in (backfill, incremental, nightly, problems, webhook, revoked, disconnect, erase)
}


# --- running them


@contextmanager
def fresh_world(settings: Settings, redis: Redis, folder: Path) -> Iterator[World]:
    """Empty tables, and a simulated Strava of its own."""
    runs = folder / "runs.ndjson"
    runs.write_text("".join(RUNS.read_text().splitlines(keepends=True)[:ACTIVITIES]))
    with simulated_strava(runs=runs, athletes=1) as strava:
        addresses = {
            "strava_api_url": f"{strava.url}/api/v3",
            "strava_oauth_url": f"{strava.url}/oauth",
        }
        # No lease is renewed meanwhile, so that the points are the same each time.
        changes = {**addresses, "job_lease_s": 60, "sync_budget_requests": 100}
        world = World(settings.model_copy(update=changes), strava, redis, folder)
        world.write("TRUNCATE athletes, jobs, strava_quotas CASCADE")
        redis.flushdb()
        try:
            yield world
        finally:
            world.close()


def run_to_the_end(world: World, kill_at: int | None = None) -> list[str]:
    """Run all jobs, the first attempt being killed; returns the points if it was not."""
    points: list[str] | None = None
    reconciler = Reconciler(world.settings, world.database, world.redis)
    while active := world.rows("SELECT id, status FROM jobs WHERE finished_at IS NULL"):
        for job in active:
            told = attempt(world.settings, job["id"], world.folder, kill_at)
            points, kill_at = points or told, None
        world.write("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE status = 'RUNNING'")
        world.write("UPDATE jobs SET waiting_until = now() WHERE status = 'WAITING'")
        reconciler.look_at_rows()
    return points or []


def ended(world: World) -> Case:
    rows = world.derived() | {
        "streams": world.rows(
            "SELECT a.strava_id, md5((to_jsonb(s) - 'activity_id' - 'fetched_at')::text) AS hash FROM activity_streams s "
            "JOIN activities a ON a.id = s.activity_id ORDER BY 1"
        ),
        "connections": world.rows(
            "SELECT refused_at, refreshing_until, history_complete_at IS NULL AS is_new, last_synced_at IS NULL AS "
            "is_unsynced FROM strava_connections"
        ),
        "problems": world.rows("SELECT strava_id, stage, tries FROM sync_problems ORDER BY 1"),
        "events": world.rows("SELECT object_type, object_id FROM strava_events ORDER BY 1, 2"),
        "jobs": world.rows(
            "SELECT kind, status, error_code, activities_created, activities_updated, activities_deleted, progress_done, "
            "progress_total FROM jobs ORDER BY created_at, kind"
        ),
    }
    return Case(rows, Counter(world.strava.control("GET", "/requests")["by_path"]))


def run_case(
    task: str, settings: Settings, redis: Redis, folder: Path, kill_at: int | None = None
) -> Case:
    with fresh_world(settings, redis, folder) as world:
        TASKS[task](world)
        world.strava.forget_requests()
        points = run_to_the_end(world, kill_at)
        found = ended(world)
        found.points = points
        return found


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
def strava() -> Iterator[Simulated]:
    """Each case has one of its own."""
    with simulated_strava(runs=RUNS) as simulated:
        yield simulated


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("task", TASKS)
def test_every_point(
    task: str, share: int, settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    expected = run_case(task, settings, redis, tmp_path)
    assert [job["status"] for job in expected.rows["jobs"]][-1] == "SUCCEEDED"
    assert expected.points
    wrong = {}
    for number, name in list(enumerate(expected.points, start=1))[share * EACH :: SHARES * EACH]:
        found = run_case(task, settings, redis, tmp_path, kill_at=number)
        repeated = found.requests - expected.requests
        if found.rows != expected.rows or repeated.total() > MOST_REPEATED:
            different = [part for part in expected.rows if found.rows[part] != expected.rows[part]]
            wrong[f"{number} {name}"] = (different, dict(repeated))
    assert wrong == {}
