"""One attempt at a job: checkpoint, progress and counters, and the transactions in which they move with its data."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from redis import Redis
from sqlalchemy import Connection, Row

from db.models import JobKind
from db.session import SyncDatabase
from db.statements import job
from jobs.enqueue import publish
from jobs.lease import JobCancelled, Lease, LeaseLost
from jobs.stop import StopRequest
from jobs.sync_switch import SyncSwitchedOff

__all__ = ["Attempt", "Step"]

_PUBLISH_EVERY_S = 0.5
_REDIS_AWAY_S = 10


@dataclass
class Step:
    """What one transaction of an attempt changes; all of it is committed together, or none.

    `checkpoint`, `done`, `total` and `message` begin as they are; the counters are what the step adds.
    """

    connection: Connection
    checkpoint: dict[str, Any]
    done: int
    total: int | None
    message: str | None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    bests_changed: int = 0


@dataclass
class _News:
    """The latest version, and the one that the watchers know."""

    latest: int
    told: int
    told_at: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Attempt:
    """A claimed job, while it is worked on. Use it in a `with`: that keeps the lease."""

    def __init__(
        self,
        database: SyncDatabase,
        redis: Redis,
        row: Row[Any],
        *,
        lease_s: float,
        stop: StopRequest,
        switch: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the job's `row` as `claim` returned it. `switch` tells whether the job is to go on now."""
        self.job_id: int = row.id
        self.kind = JobKind(row.kind)
        self.athlete_id: int | None = row.athlete_id
        self.arguments: dict[str, Any] = row.arguments
        self.started_at = row.started_at
        self.number: int = row.attempts
        self.failures: int = row.failures
        self.key = {"job_id": row.id, "attempt": row.attempts}
        self.checkpoint: dict[str, Any] = row.checkpoint
        self.stop = stop
        self._switch = switch
        self._progress = (row.progress_done, row.progress_total, row.progress_message)
        self._database = database
        self._redis = redis
        self._news = _News(row.version, row.version)
        self._lease = Lease(database, row, lease_s, self._tell)

    def __enter__(self) -> Self:
        self._lease.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lease.__exit__(*exception)

    def check(self) -> None:
        """Raise LeaseLost, JobCancelled or WorkerStopping where the attempt has to stop."""
        self._lease.check()
        self.stop.check(self.job_id)

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Open a transaction whose end writes data, checkpoint, progress and counters at once.

        Raises as `check`, SyncSwitchedOff, and LeaseLost whenever the job's row is not this attempt's: then nothing is
        written.
        """
        self.check()
        may_go_on = self._switch()  # it may ask Redis: not in a transaction
        with self._database.write() as connection:
            self._hold(connection)
            if not may_go_on:
                raise SyncSwitchedOff(self.job_id)
            done, total, message = self._progress
            yield (step := Step(connection, dict(self.checkpoint), done, total, message))
            moved = step.done > done or step.checkpoint != self.checkpoint
            version = self._advance(step, moved=moved)
        if moved:
            self.failures = 0
        self.checkpoint = step.checkpoint
        self._progress = (step.done, step.total, step.message)
        self._note(version)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection to read from. Raises as `check`."""
        self.check()
        with self._database.read() as connection:
            yield connection

    def tell_of(self, news: Iterable[Row[Any]]) -> None:
        """Publish what the attempt did to other jobs; call it after the step."""
        for row in news:
            publish(self._redis, row.id, row.athlete_id, row.version)

    def _hold(self, connection: Connection) -> None:
        cancelled = connection.execute(job.hold(), self.key).scalar_one_or_none()
        if cancelled is None:
            raise LeaseLost(self.job_id)
        if cancelled:
            raise JobCancelled(self.job_id)

    def _advance(self, step: Step, *, moved: bool) -> int:
        values = {
            "state": step.checkpoint,
            "done": step.done,
            "total": step.total,
            "message": step.message,
            "created": step.created,
            "updated": step.updated,
            "deleted": step.deleted,
            "bests_changed": step.bests_changed,
            "moved": moved,
        }
        version: int | None = step.connection.execute(job.advance(), {**self.key, **values}).scalar_one_or_none()
        if version is None:
            raise LeaseLost(self.job_id)
        return version

    def _note(self, version: int) -> None:
        with self._news.lock:
            self._news.latest = version
        self._tell()

    def _tell(self) -> None:
        """Publish the latest version, at most twice a second. Called from the lease's thread too."""
        with self._news.lock:
            news, now = self._news, time.monotonic()
            if news.latest == news.told or now - news.told_at < _PUBLISH_EVERY_S:
                return
            news.told, news.told_at = news.latest, now
        if not publish(self._redis, self.job_id, self.athlete_id, news.told):
            news.told_at += _REDIS_AWAY_S  # an attempt to reach it may take seconds: do not spend them all the time
