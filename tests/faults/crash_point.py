"""Makes one attempt at a job, or a pass of the reconciler, in a process that is killed at a point.

Points are the moments before and after each commit, each request to Strava and each file that is
written to the disk or deleted, in their order, also those of the process that refreshes tokens: it
is the attempt's process that is killed there, and the other goes on.

A process makes the attempts that are not disturbed itself, one after the other, and forks the
others. So what it imported and compiled is there in each; it has no thread then.
"""

import atexit
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from db import session
from db.session import SyncDatabase
from jobs import athlete_strava, lease, token_refresh
from jobs.reconcile import Reconciler
from jobs.runner import SETTINGS, run
from jobs.sync import effort_derivation, unseen_activities
from runtime.redis_clients import redis_client
from runtime.row_folder import RowFolder
from settings import Settings
from strava.exchange import Exchanges
from tests.faults.compiled_once import EnginesOfOneDialect

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.crash_point"])
_fork = get_context("fork")
RECONCILER = 0
"""In the place of a job's id: a pass of the reconciler."""
_SOON_S = 0.01
_WITHIN_S = 120


def attempt(
    settings: Settings,
    job_id: int,
    folder: Path,
    kill_at: int | None = None,
    instead: Callable[[], None] | None = None,
) -> list[str]:
    """Make an attempt, killed at the point `kill_at`; returns the names of the points reached.

    With `instead`, that is called at the point, while the attempt stands still, and it goes on.
    """
    told = folder / "points"
    told.write_text("")
    order = _Order(settings, job_id, told, kill_at, stands_still=instead is not None)
    exit_code = _maker().make(order, instead)
    points = told.read_text().splitlines()
    is_killed = kill_at is not None and instead is None and len(points) >= kill_at
    assert exit_code == (-signal.SIGKILL if is_killed else 0), points
    return points


@dataclass
class _Order:
    """An attempt to be made, and its points, which are counted in all processes that it makes."""

    settings: Settings
    job_id: int
    told: Path
    kill_at: int | None
    stands_still: bool


class _Maker:
    """The process that makes attempts, as the tests' process sees it."""

    def __init__(self) -> None:
        self._orders, orders = _fork.Pipe()
        self._standing, standing = _fork.Pipe()
        _context.Process(target=_make_attempts, args=(orders, standing)).start()
        orders.close()
        standing.close()
        atexit.register(self._orders.close)  # which ends it

    def make(self, order: _Order, instead: Callable[[], None] | None) -> int:
        """Have an attempt made; returns the exit code of its process."""
        self._orders.send(order)
        while ready := wait([self._orders, self._standing], _WITHIN_S):
            if self._orders in ready:
                exit_code: int = self._orders.recv()
                return exit_code
            self._standing.recv()
            assert instead is not None
            instead()
            self._standing.send(None)
        raise AssertionError(order.told.read_text())


@cache
def _maker() -> _Maker:
    return _Maker()


def _make_attempts(orders: Pipe, standing: Pipe) -> None:
    points = _Points(standing)
    _instrument(points.reach)
    session.create_engine = EnginesOfOneDialect().create
    while True:
        try:
            order: _Order = orders.recv()
        except EOFError:
            return
        if order.kill_at is None:
            points.run(order)
            orders.send(0)
        else:
            process = _fork.Process(target=points.run, args=(order,))
            process.start()
            process.join()
            orders.send(process.exitcode)


@dataclass
class _Points:
    """Those of the attempt under way."""

    standing: Pipe
    order: _Order | None = None
    worker: int = 0
    count: Any = field(default_factory=lambda: _fork.Value("i", 0))

    def run(self, order: _Order) -> None:
        self.order, self.worker, self.count = order, os.getpid(), _fork.Value("i", 0)
        if order.job_id == RECONCILER:
            _reconcile(order.settings)
        else:
            SETTINGS.set(order.settings)
            run(order.job_id)

    def reach(self, name: str) -> None:
        order = self.order
        assert order is not None
        with self.count.get_lock():
            number = self.count.value = self.count.value + 1
            with order.told.open("a") as names:
                names.write(f"{name}\n")
        if number != order.kill_at:
            return
        if order.stands_still:
            self.standing.send(None)
            self.standing.recv()
        else:
            os.kill(self.worker, signal.SIGKILL)


def _reconcile(settings: Settings) -> None:
    database = SyncDatabase(settings, application_name="test")
    redis = redis_client(settings)
    try:
        Reconciler(settings, database, redis).look_at_rows()
    finally:
        redis.close()
        database.close()


def _instrument(reach: Callable[[str], None]) -> None:
    """Call `reach` with the name of each point of this process; nothing is waited for long.

    No lease is renewed meanwhile, so that the points are the same each time.
    """
    lease.RENEW_EVERY_S = _WITHIN_S
    DefaultDialect.do_commit = _around(DefaultDialect.do_commit, reach, lambda *_, **__: "commit")
    SyncDatabase.write_alone = _around(SyncDatabase.write_alone, reach, lambda *_, **__: "commit")
    Exchanges.answer = _around(Exchanges.answer, reach, _path_of)
    os.fsync = _around(os.fsync, reach, lambda *_: "a file's last byte")
    RowFolder.remove = _around(RowFolder.remove, reach, lambda *_: "a file's end")
    unseen_activities.GONE_AFTER_S = effort_derivation.SECOND_LOOK_AFTER_S = _SOON_S
    athlete_strava.AGAIN_AFTER_S = (_SOON_S, _SOON_S)
    token_refresh.REFUSED_AGAIN_AFTER_S = _SOON_S


def _path_of(_exchanges: Exchanges, _method: str, path: str, *_: Any, **__: Any) -> str:
    return path.partition("?")[0]


def _around(
    call: Callable[..., Any], reach: Callable[[str], None], name: Callable[..., str]
) -> Any:
    def with_points(*arguments: Any, **named: Any) -> Any:
        reach(f"before {name(*arguments, **named)}")
        answer = call(*arguments, **named)
        reach(f"after {name(*arguments, **named)}")
        return answer

    return with_points
