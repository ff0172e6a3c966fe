"""Strava answers badly, or changes while it is read, or two workers ask at once: the rows are the same.

The rows are compared with those of a sync that nothing disturbed.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr
from redis import Redis

from jobs import athlete_strava
from jobs.sync import effort_derivation, unseen_activities
from settings import Settings
from strava_simulator.faults import FaultKind
from tests.faults.all_rows import rows_of_athletes
from tests.faults.crash_case import CloneOf, Prepared, run_to_the_end
from tests.faults.crash_tasks import newest, tell
from tests.faults.test_crash_points import strava
from tests.faults.test_streams_asked_again import finish
from tests.jobs.simulated import Simulated
from tests.jobs.test_strava_sync import even_track
from tests.jobs.world import World
from tests.patience import PATIENCE_S

__all__ = ["strava"]
pytestmark = pytest.mark.whole
PATHS = {"list": "/athlete/activities", "details": r"/activities/\d+$", "streams": "/streams"}
TIMEOUT_S = 2.0
SLOW = {"slow", "late", "drip"}
TOO_LARGE = 20_000_000
"""Bytes, more than are read of an answer."""
FAILING = {
    "missing_scope": "STRAVA_SCOPE_MISSING",
    "inactive": "STRAVA_APP_INACTIVE",
    "athlete_limit": "STRAVA_ATHLETE_LIMIT",
}
"""What ends a job whose list is answered so."""
Clone = Callable[..., AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(athlete_strava, "AGAIN_AFTER_S", (0.01, 0.01))
    monkeypatch.setattr(unseen_activities, "GONE_AFTER_S", 0.01)
    monkeypatch.setattr(effort_derivation, "SECOND_LOOK_AFTER_S", 0.01)


@pytest.mark.parametrize("part", PATHS)
def test_a_bad_answer_costs_nothing_in_the_end(
    part: str,
    settings: Settings,
    strava: Simulated,
    redis_url: str,
    tmp_path: Path,
    clone_of: CloneOf,
) -> None:
    """Each kind of bad answer once, and what is had a day later."""
    settings = settings.model_copy(update={"strava_timeout_s": TIMEOUT_S})
    wrong = {}
    with Redis.from_url(redis_url) as redis:
        prepared = Prepared(World.connect, settings, strava, redis, tmp_path, clone_of)
        expected = _rows_a_day_later(prepared, None, part)
        for kind in get_args(FaultKind):
            found = _rows_a_day_later(prepared, kind, part)
            if found != expected:
                wrong[kind] = _difference(found, expected)
    assert not wrong, json.dumps(wrong, indent=1)


def _rows_a_day_later(prepared: Prepared, kind: str | None, part: str) -> dict[str, list[str]]:
    with prepared.again() as world:
        athlete = world.value("SELECT id FROM athletes")
        if kind is not None:
            delay_s = 2 * TIMEOUT_S if kind in SLOW else 0
            world.strava.fault(kind, path=PATHS[part], delay_s=delay_s, size_bytes=TOO_LARGE)
        job = finish(world, world.sync(athlete))
        code = FAILING.get(kind or "") if part == "list" else None
        assert (job["status"], job["error_code"]) == ("FAILED" if code else "SUCCEEDED", code), kind
        world.strava.heal()
        # What is late on a busy machine is no fault, and details would be left to the next day.
        world.settings = world.settings.model_copy(update={"strava_timeout_s": PATIENCE_S})
        for column in ("details_retry_at", "streams_retry_at"):
            world.write(f"UPDATE activities SET {column} = now() WHERE {column} IS NOT NULL")
        assert finish(world, world.sync(athlete, mode="FULL"))["status"] == "SUCCEEDED"
        assert world.rows("SELECT * FROM sync_problems") == []
        return rows_of_athletes(world)


def _difference(found: dict[str, list[str]], expected: dict[str, list[str]]) -> dict[str, object]:
    return {
        table: [sorted(set(found[table]) ^ set(rows))][:2]
        for table, rows in expected.items()
        if found[table] != rows
    }


def _columns_that_differ(
    found: dict[str, list[str]], expected: dict[str, list[str]]
) -> dict[str, list[Any]]:
    """The rows that only one of both has, each with the columns in which the nearest one differs.

    A compressed column is long, so only those are told.
    """
    return {
        table: [
            min((_differing(row, other) for other in others), key=len, default=json.loads(row))
            for one, another in ((found[table], rows), (rows, found[table]))
            for row, others in ((each, another) for each in (Counter(one) - Counter(another)))
        ]
        for table, rows in expected.items()
        if found[table] != rows
    }


def _differing(row: str, other: str) -> dict[str, Any]:
    one, another = json.loads(row), json.loads(other)
    return {name: value for name, value in one.items() if another.get(name) != value}


def test_pages_that_change_while_they_are_read_lose_and_double_nothing(
    settings: Settings,
    strava: Simulated,
    redis_url: str,
    tmp_path: Path,
    clone_of: CloneOf,
    clone: Clone,
) -> None:
    """The changes come after each page in turn; the night then finds what they moved."""
    settings = settings.model_copy(update={"strava_page_size": 2})
    with Redis.from_url(redis_url) as redis:
        prepared = Prepared(
            lambda world: world.create(world.connect()), settings, strava, redis, tmp_path, clone_of
        )
        reached = prepared.run().points
        pages = [
            number
            for number, name in enumerate(reached, start=1)
            if name.startswith("after") and name.endswith("/athlete/activities")
        ]
        assert len(pages) > 2
        for page in pages:
            with prepared.again() as world:
                before = newest(world)
                run_to_the_end(world, page, lambda world=world: _change_pages(world))
                assert world.value("SELECT count(*) FROM jobs WHERE status <> 'SUCCEEDED'") == 0
                read = {row["strava_id"] for row in world.rows("SELECT strava_id FROM activities")}
                assert set(before[:-1]) <= read  # all but what was deleted meanwhile
                athlete = world.value("SELECT id FROM athletes")
                assert world.sync(athlete, mode="FULL")["status"] == "SUCCEEDED"
                found = rows_of_athletes(world)
                wrong = _columns_that_differ(found, _rows_anew(world, clone, tmp_path))
                assert not wrong, json.dumps({"page": page, "columns": wrong}, indent=1)


def _change_pages(world: World) -> None:
    """Change what is on the pages: the newest, the oldest, and one in between is new."""
    there = newest(world)
    world.strava.delete(there[-1])
    world.strava.change(there[0], name="Changed while it was read")
    for day in ("2020-01-01", "2026-10-01"):
        world.strava.add(streams=even_track(5000, 1500), start_date=f"{day}T06:00:00Z")


def _rows_anew(world: World, clone: Clone, folder: Path) -> dict[str, list[str]]:
    """The rows of a database that is filled from Strava as it is now."""
    world.redis.flushdb()
    # the limits are known after two answers: until then few requests may have been made
    world.strava.control("PUT", "/rate-limits", json={"used": 0})
    with clone() as url:
        settings = world.settings.model_copy(update={"database_url": SecretStr(url)})
        anew = World(settings, world.strava, world.redis, folder)
        job = anew.sync(anew.connect())
        assert job["status"] == "SUCCEEDED", job["progress_message"]
        found = rows_of_athletes(anew)
        anew.close()
    return found


def test_two_workers_on_one_athlete_lose_and_double_nothing(
    world: World, clone: Clone, tmp_path: Path
) -> None:
    """A backfill, and a webhook's job for the same activities, while these change."""
    athlete = world.connect()
    for strava_id in newest(world):
        tell(world, "activity", strava_id)
    world.start_workers(2)
    jobs = [world.create(athlete), world.create(athlete, "STRAVA_WEBHOOK")]
    for each in jobs:
        world.enqueue(each)
    world.until(lambda: world.value("SELECT count(*) FROM activity_streams"))
    changed = newest(world)[0]
    world.strava.change(changed, name="Changed", distance=4321.0)
    tell_again = "ON CONFLICT (connection_id, object_type, object_id) DO UPDATE SET job_id = NULL, due_at = now()"
    world.write(
        "INSERT INTO strava_events (connection_id, object_type, object_id) "
        f"SELECT id, 'activity', :changed FROM strava_connections {tell_again}",
        changed=changed,
    )
    for each in jobs:
        world.await_job(each, "SUCCEEDED")
    # What is applied while a sync runs is looked at again a minute later: here at once.
    world.write("UPDATE strava_events SET due_at = now()")
    world.until(lambda: not world.rows("SELECT 1 FROM strava_events"))
    world.until(lambda: not world.rows("SELECT 1 FROM jobs WHERE finished_at IS NULL"))
    assert world.sync(athlete)["status"] == "SUCCEEDED"  # asks for what details are left
    wrong = _columns_that_differ(rows_of_athletes(world), _rows_anew(world, clone, tmp_path))
    assert not wrong, json.dumps(wrong, indent=1)
