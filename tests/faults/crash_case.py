"""A task that is prepared once and then run again and again, each time killed elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from db.session import SyncDatabase
from jobs.reconcile import Reconciler
from settings import Settings
from strava.shared_quota.gate import QuotaGate
from tests.faults.all_rows import all_rows
from tests.faults.crash_point import RECONCILER, attempt
from tests.faults.crash_tasks import RETENTION_DAYS, Begin
from tests.faults.stored_files import StoredFiles, files_of
from tests.jobs.simulated import Simulated
from tests.jobs.world import World

CloneOf = Callable[[str], AbstractContextManager[str]]
MOST_REPEATED = 1
_MOST_ROUNDS = 10


@dataclass
class Case:
    """What a task ends with: rows, files, and requests to Strava by method and path."""

    rows: dict[str, list[str]]
    files: dict[str, list[str]]
    requests: Counter[str]
    statuses: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)

    def differs_from(self, expected: "Case") -> dict[str, Any]:
        """What is other than in the undisturbed run; empty if nothing is."""
        here, there = self.rows | self.files, expected.rows | expected.files
        different = {
            table: {
                "found": sorted(set(found) - set(wanted)),
                "wanted": sorted(set(wanted) - set(found)),
            }
            for table in here.keys() | there.keys()
            if (found := here.get(table, [])) != (wanted := there.get(table, []))
        }
        repeated = self.requests - expected.requests
        return different | (
            {"repeated": dict(repeated)} if repeated.total() > MOST_REPEATED else {}
        )


class Prepared:
    """What a task begins with: a database, Redis and a simulated Strava, brought back each time."""

    def __init__(
        self,
        begin: Begin,
        settings: Settings,
        strava: Simulated,
        redis: Redis,
        folder: Path,
        clone_of: CloneOf,
    ) -> None:
        changes = {"job_lease_s": 600, "sync_budget_requests": 100, "originals": "folder"}
        changes |= {"strava_retention_days": RETENTION_DAYS}
        self._settings = settings.model_copy(update=changes)
        self._strava, self._redis, self._folder = strava, redis, folder
        self._clone_of = clone_of
        with self._world() as world:
            begin(world)
            _hear_strava(world.settings, redis)
        assert settings.database_url is not None
        self._template = settings.database_url.get_secret_value().split("@/")[1].split("?")[0]
        self._bring_back = strava.remember()
        self._files = StoredFiles(settings)
        self._values = {key: redis.dump(key) for key in redis.keys(b"*")}

    def run(self, kill_at: int | None = None, instead: Callable[[], None] | None = None) -> Case:
        """Run the task to its end, the first attempt being killed at the point `kill_at`.

        With `instead`, that is done at the point.
        """
        with self.again() as world:
            points = run_to_the_end(world, kill_at, instead)
            statuses = [
                job["status"] for job in world.rows("SELECT status FROM jobs ORDER BY created_at")
            ]
            return case_of(world, statuses, points)

    def reconcile(self, kill_at: int | None = None) -> Case:
        """Make a pass of the reconciler, killed at the point `kill_at`, and another one."""
        with self.again() as world:
            points = attempt(world.settings, RECONCILER, world.folder, kill_at)
            Reconciler(world.settings, world.database, world.redis).look_at_rows()
            return case_of(world, [], points)

    @contextmanager
    def again(self) -> Iterator[World]:
        """All as it was before the job began."""
        self._bring_back()
        self._files.bring_back()
        self._strava.heal()
        self._strava.forget_requests()
        self._redis.flushdb()
        for key, value in self._values.items():
            self._redis.restore(key, 0, value)
        with self._clone_of(self._template) as url, self._world(database_url=url) as world:
            yield world

    @contextmanager
    def _world(self, **changes: str) -> Iterator[World]:
        secrets = {
            name: type(getattr(self._settings, name))(value) for name, value in changes.items()
        }
        settings = self._settings.model_copy(update=secrets)
        world = World(settings, self._strava, self._redis, self._folder)
        try:
            yield world
        finally:
            world.close()


def case_of(world: World, statuses: list[str], points: list[str]) -> Case:
    """Get what is there now, after what is to be deleted is."""
    files = files_of(world)
    return Case(all_rows(world), files, requests_of(world), statuses, points)


def _hear_strava(settings: Settings, redis: Redis) -> None:
    """Have the quota know Strava: nobody else asks before its first answer, for a minute if it is lost."""
    database = SyncDatabase(settings, application_name="test")
    try:
        gate = QuotaGate.from_settings(settings, database, redis)
        with gate.request(read=True) as request:
            request.answered(200, {})
    finally:
        database.close()


def run_to_the_end(
    world: World, kill_at: int | None = None, instead: Callable[[], None] | None = None
) -> list[str]:
    """Run all jobs, the first attempt being disturbed; returns the points of that one."""
    points: list[str] = []
    reconciler = Reconciler(world.settings, world.database, world.redis)
    for _ in range(_MOST_ROUNDS):
        active = world.rows("SELECT id FROM jobs WHERE finished_at IS NULL ORDER BY created_at")
        if not active:
            return points
        for job in active:
            reached = attempt(
                world.settings, job["id"], world.folder, kill_at, instead if kill_at else None
            )
            if kill_at and instead:
                world.database.close()  # its connections may have ended
            points, kill_at = points or reached, None
        world.write("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE status = 'RUNNING'")
        world.write("UPDATE jobs SET waiting_until = now() WHERE status = 'WAITING'")
        reconciler.look_at_rows()
    raise AssertionError(world.rows("SELECT * FROM jobs"))


def requests_of(world: World) -> Counter[str]:
    return Counter(world.strava.control("GET", "/requests")["by_path"])
