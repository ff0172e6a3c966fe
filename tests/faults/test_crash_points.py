"""A worker that is killed before or after any commit, request to Strava or file loses and doubles nothing.

`make test-crash-points` tries every point of every task, CRASH_EACH=10 each tenth.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from db import session
from settings import Settings
from tests.faults.compiled_once import EnginesOfOneDialect
from tests.faults.crash_case import CloneOf, Prepared
from tests.faults.crash_tasks import TASKS, long_kept
from tests.jobs.simulated import Simulated, simulated_strava

pytestmark = pytest.mark.crash_points
SHARES = 4
"""Parts of a task that run at once where the machine has the cores."""
EACH = int(os.environ.get("CRASH_EACH", "1"))
"""Every how many points."""
RUNS = Path(__file__).parents[1] / "jobs" / "cases" / "backdated-upload.ndjson"
ACTIVITIES = 3
ENGINES = EnginesOfOneDialect()


@pytest.fixture(autouse=True)
def _compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "create_engine", ENGINES.create)


@pytest.fixture
def strava(tmp_path: Path) -> Iterator[Simulated]:
    """An athlete of few activities."""
    runs = tmp_path / "runs.ndjson"
    runs.write_text("".join(RUNS.read_text().splitlines(keepends=True)[:ACTIVITIES]))
    with simulated_strava(runs=runs, athletes=1) as simulated:
        yield simulated


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("task", TASKS)
def test_every_point(
    task: str,
    share: int,
    settings: Settings,
    strava: Simulated,
    redis_url: str,
    tmp_path: Path,
    clone_of: CloneOf,
) -> None:
    with Redis.from_url(redis_url) as redis:
        prepared = Prepared(TASKS[task], settings, strava, redis, tmp_path, clone_of)
        expected = prepared.run()
        assert expected.statuses[-1] == "SUCCEEDED"
        assert "gone" not in expected.files
        points = list(enumerate(expected.points, start=1))
        asks_strava = any(name.startswith("before /") for _, name in points)
        assert asks_strava == bool(expected.requests), "requests are points, too"
        mine = points[share * EACH :: SHARES * EACH]
        sys.stdout.write(f"{task}: {len(mine)} of {len(points)} points\n")
        wrong = {
            f"{number} {name}": different
            for number, name in mine
            if (different := prepared.run(kill_at=number).differs_from(expected))
        }
    assert not wrong, json.dumps(wrong, indent=1)


def test_every_point_of_the_reconciler(
    settings: Settings, strava: Simulated, redis_url: str, tmp_path: Path, clone_of: CloneOf
) -> None:
    with Redis.from_url(redis_url) as redis:
        prepared = Prepared(long_kept, settings, strava, redis, tmp_path, clone_of)
        expected = prepared.reconcile()
        assert expected.files.keys() == {"files of originals"}
        assert "feedback" not in expected.rows
        wrong = {
            f"{number} {name}": different
            for number, name in list(enumerate(expected.points, start=1))[::EACH]
            if (different := prepared.reconcile(number).differs_from(expected))
        }
    assert not wrong, json.dumps(wrong, indent=1)
