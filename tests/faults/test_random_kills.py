"""Whatever is killed at whatever moment of a job, the rows are in the end those of no kill.

`make test-kills` tries KILLS moments, 40 by default; the seed of each is its number.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from db.errors import DatabaseError
from settings import Settings
from tests.faults.killed_services import Services, database_url, kill, redis_url, services
from tests.jobs.world import Workers, World

__all__ = ["database_url", "redis_url", "services"]
KILLS = int(os.environ.get("KILLS", "40"))
pytestmark = pytest.mark.kills
TASKS = ("sync", "bests", "age grades", "disconnect", "erase")
COUNTED = (
    "activities_created",
    "activities_updated",
    "activities_deleted",
    "progress_done",
    "progress_total",
)
"""Counters that no kill changes; a best that is found again is counted as changed again."""
WITHIN_S = 40
"""Seconds for what a kill adds: a lease, a start, a look of the reconciler."""
TIMES = 4
"""How often the task's own time, which a busy machine makes long, may pass besides."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Jobs that may fail as often as something is killed, and wait briefly."""
    return settings.model_copy(update={"job_max_attempts": 20})


@dataclass
class Ground:
    """What may be killed."""

    world: World
    services: Services
    workers: Workers

    def kill(self, victim: str) -> str:
        """Kill it, and start again what nothing else starts; returns what was killed."""
        match victim:
            case "worker pool":
                self.workers.kill()
                self.workers = self.world.start_workers(2)
            case "all processes of jobs":
                self.workers.end()
                self.workers = self.world.start_workers(2)
            case "PostgreSQL":
                self.services.kill_postgres()
            case "Redis":
                self.services.kill_redis()
            case "backend of PostgreSQL":
                return self._kill_one(self._backends(), victim)
            case "job process":
                return self._kill_one(self.workers.horses(), victim)
            case _:
                return self._kill_one(self._children(), victim)
        return victim

    def _kill_one(self, found: list[psutil.Process], victim: str) -> str:
        if not found:
            return f"no {victim}"
        kill(random.choice(found))
        return victim

    def _children(self) -> list[psutil.Process]:
        """The workers and the reconciler."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.workers.process.pid).children()
        return []

    def _backends(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.services.postgres.process.pid)
            return [each for each in server.children() if " mine " in " ".join(each.cmdline())]
        return []


VICTIMS = (
    "job process",
    "worker or reconciler",
    "worker pool",
    "all processes of jobs",
    "backend of PostgreSQL",
    "PostgreSQL",
    "Redis",
)


# --- What is done, and what is there in the end


def begin(task: str, world: World) -> int:
    """Make the rows that the task begins with, and its job; returns the job's id."""
    athlete = world.connect()
    if task == "sync":
        world.strava.fault("slow", path="/streams", delay_s=0.02, times=None)
        return world.create(athlete)
    assert world.sync(athlete)["status"] == "SUCCEEDED"
    match task:
        case "bests":
            world.write("UPDATE best_efforts SET elapsed_s = elapsed_s + 5, counts = false")
            world.write("DELETE FROM personal_bests")
            return world.create(athlete, "PERSONAL_BESTS")
        case "age grades":
            world.write("UPDATE athletes SET birth_date = '1961-05-17'")
            return world.create(athlete, "AGE_GRADES")
        case "disconnect":
            world.strava.fault("slow", path="/oauth", delay_s=0.3, times=None)
            return world.create(athlete, "STRAVA_DISCONNECT")
    world.strava.fault("slow", path="/oauth", delay_s=0.3, times=None)
    return world.create(athlete, "ERASE_ATHLETE")


def rows_of(world: World, job_id: int) -> dict[str, Any]:
    found = world.job(job_id)
    return world.derived() | {
        "streams": world.rows(
            "SELECT a.strava_id, md5((to_jsonb(s) - ARRAY['activity_id', 'athlete_id', 'fetched_at'])::text) AS hash "
            "FROM activity_streams s JOIN activities a ON a.id = s.activity_id ORDER BY 1"
        ),
        "athletes": world.rows("SELECT first_name, birth_date FROM athletes"),
        "connections": world.rows("SELECT refused_at, refreshing_until FROM strava_connections"),
        "job": [{name: found[name] for name in ("status", "error_code", *COUNTED)}],
    }


_undisturbed: dict[str, tuple[dict[str, Any], float]] = {}


def undisturbed(task: str, world: World, services: Services) -> tuple[dict[str, Any], float]:
    """The rows after the task without a kill, and the seconds that it took."""
    if task not in _undisturbed:
        workers = world.start_workers(2)
        job_id = begin(task, world)
        began = time.monotonic()
        world.enqueue(job_id)
        world.await_job(job_id, "SUCCEEDED", within_s=TIMES * WITHIN_S)
        _undisturbed[task] = rows_of(world, job_id), time.monotonic() - began
        workers.end()
        world.strava.heal()
        world.write("TRUNCATE athletes, jobs CASCADE")
    return _undisturbed[task]


def patiently(look: Callable[[], Any]) -> Any:
    """Look again for as long as PostgreSQL is starting."""
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            return look()
        except DatabaseError:
            assert time.monotonic() < until, "PostgreSQL did not come back"
            time.sleep(0.1)


@pytest.mark.parametrize("number", range(KILLS))
def test_the_rows_are_those_of_no_kill(number: int, world: World, services: Services) -> None:
    random.seed(number)
    task, victim = TASKS[number % len(TASKS)], VICTIMS[number % len(VICTIMS)]
    expected, took_s = undisturbed(task, world, services)
    ground = Ground(world, services, world.start_workers(2))
    job_id = begin(task, world)
    world.enqueue(job_id)
    after_s = random.uniform(0, took_s)
    time.sleep(after_s)
    killed = ground.kill(victim)
    began, within_s = time.monotonic(), WITHIN_S + TIMES * took_s
    row = patiently(lambda: world.await_job(job_id, "SUCCEEDED", "FAILED", within_s=within_s))
    sys.stdout.write(
        f"\n{task}: {killed} killed after {after_s:.2f} of {took_s:.2f} s; "
        f"{row['status']} {time.monotonic() - began:.1f} s later, attempt {row['attempts']} "
    )
    assert rows_of(world, job_id) == expected
