"""One attempt at a job: its checkpoint, progress and counters, and its transactions."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from redis import Redis
from sqlalchemy import Connection, Executable, Row

from db.models import URGENT, JobKind
from db.session import SyncDatabase
from db.statements.jobs import job_attempt, job_lease
from jobs.enqueue import enqueue, publish
from jobs.lease import AttemptStopped, JobCancelled, Lease, LeaseLost
from jobs.stop_signal import StopRequest
from jobs.sync.feature_flag import SyncSwitchedOff

_PUBLISH_EVERY_S = 0.5
_LOOK_EVERY_S = 0.1
_REDIS_AWAY_S = 10
_EARLY = timedelta(seconds=1)
Result = TypeVar("Result")


@dataclass
class Step:
    """The changes of one transaction of an attempt; they are committed together.

    `checkpoint`, `done`, `total` and `message` start with the current values; the counters are what
    the step adds. `job_id` is the job's. `has_moved`: the step brings the job on, though none of
    these tells.
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
    job_id: int | None = None
    has_moved: bool = False

    @property
    def counts(self) -> tuple[int, ...]:
        return self.created, self.updated, self.deleted, self.bests_changed


@dataclass
class _PublishedVersion:
    """The latest version of the job, and the latest one that subscribers were told of."""

    latest: int
    told: int
    told_at: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Attempt:
    """A claimed job while it is worked on. Use it in a `with` block, which keeps the lease."""

    def __init__(
        self,
        database: SyncDatabase,
        redis: Redis,
        row: Row[Any],
        *,
        lease_s: float,
        stop: StopRequest,
        switch: Callable[[], bool] = lambda: True,
        max_s: float = float("inf"),
        on_hang: Callable[[AttemptStopped], None] | None = None,
    ) -> None:
        """Take the job's `row` as `claim` returned it.

        `switch` tells whether the job may continue now. `max_s` and `on_hang` are as in Lease.
        """
        self.job_id: int = row.id
        self.kind = JobKind(row.kind)
        self.athlete_id: int | None = row.athlete_id
        self.arguments: dict[str, Any] = row.arguments
        self.started_at = row.started_at
        self.asked_at = row.live_since
        """When the job was asked for, or asked for again."""
        self.began_at: datetime = row.attempt_started_at
        self._claimed_s = time.monotonic()
        self.number: int = row.attempts
        self.failures: int = row.failures
        self.key = {"job_id": row.id, "attempt": row.attempts}
        self.checkpoint: dict[str, Any] = row.checkpoint
        self.is_forced = _is_before_its_time(row)
        self.quota_wait_s: Callable[[int], float] = lambda _: 0.0
        """How long Strava's quota takes for a number of requests, in seconds."""
        self.stop = stop
        self._switch = switch
        self._progress = (row.progress_done, row.progress_total, row.progress_message)
        self._database = database
        self._redis = redis
        self._published = _PublishedVersion(row.version, row.version)
        self._lease = Lease(
            database, row, lease_s, self._publish_latest, max_s=max_s, on_hang=on_hang
        )

    def __enter__(self) -> Self:
        self._lease.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lease.__exit__(*exception)

    def now(self) -> datetime:
        """Get the time by PostgreSQL's clock, from which this machine's may be apart."""
        return self.began_at + timedelta(seconds=time.monotonic() - self._claimed_s)

    def check(self) -> None:
        """Raise one of AttemptStopped if the attempt has to stop."""
        self._lease.check()
        self.stop.check(self.job_id)

    def pause(self, seconds: float) -> None:
        """Sleep. Raises as `check`, soon after there is a reason."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(_LOOK_EVERY_S, left_s))

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Open a transaction that also writes the checkpoint, progress and counters at its end.

        Raises as `check`, SyncSwitchedOff, and LeaseLost whenever the job's row no longer belongs
        to this attempt; then nothing is written.
        """
        self.check()
        may_go_on = self._switch()  # it may ask Redis: not in a transaction
        with self._database.write() as connection:
            self._hold(connection)
            if not may_go_on:
                raise SyncSwitchedOff(self.job_id)
            done, total, message = self._progress
            step = Step(connection, dict(self.checkpoint), done, total, message, job_id=self.job_id)
            yield step
            moved = step.has_moved or step.done > done or step.checkpoint != self.checkpoint
            has_news = (
                step.checkpoint != self.checkpoint
                or self._progress != (step.done, step.total, step.message)
                or any(step.counts)
                or (moved and self.failures > 0)
            )
            version = self._advance(step, moved=moved) if has_news else None
        if moved:
            self.failures = 0
        self.checkpoint = step.checkpoint
        self._progress = (step.done, step.total, step.message)
        if version is not None:
            self._record_version(version)

    @contextmanager
    def beside(self, work: Callable[[Connection], Result]) -> Iterator[Future[Result]]:
        """Do `work` in a transaction of its own while the block, in a step, does the rest.

        It is committed before the step, and stays where the step fails: so repeating it must do no
        harm. It may wait for no lock of the step's. The future has ended after the block.
        """

        def write() -> Result:
            with self._database.write() as connection:
                return work(connection)

        with ThreadPoolExecutor(1, "beside") as thread:
            yield thread.submit(copy_context().run, write)

    def write_alone(self, statement: Executable, values: Mapping[str, Any]) -> Any:
        """Commit one statement that holds the job itself (`job_lease.holding`); returns its row.

        Returns None, and writes nothing, where a step has to do it: an attempt that moves on after
        failures writes that too. Raises as `step`.
        """
        self.check()
        if self.failures or not self._switch():
            return None
        row = self._database.write_alone(statement, {**self.key, **values})
        assert row is not None
        self._heed(row.cancelled)
        return row

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection to read from. Raises as `check`."""
        self.check()
        with self._database.read() as connection:
            yield connection

    def publish_claim(self) -> None:
        """Tell subscribers that the job runs."""
        publish(self._redis, self.job_id, self.athlete_id, self._published.told)

    def publish_changes(self, rows: Iterable[Row[Any]]) -> None:
        """Publish the attempt's changes to other jobs; call it after the step."""
        for row in rows:
            publish(self._redis, row.id, row.athlete_id, row.version)

    def hand_over(self, row: Row[Any]) -> None:
        """Pass a job that the attempt created to the workers; call it after the step."""
        enqueue(self._redis, row.id, at_front=row.kind in URGENT)
        publish(self._redis, row.id, row.athlete_id, row.version)

    def _hold(self, connection: Connection) -> None:
        self._heed(connection.execute(job_lease.hold(), self.key).scalar_one_or_none())

    def _heed(self, cancelled: bool | None) -> None:  # noqa: FBT001 - a column
        """Raise LeaseLost or JobCancelled by what a statement found that holds the job."""
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
            "quota_wait_s": self._quota_wait_s(step),
        }
        version: int | None = step.connection.execute(
            job_attempt.advance(), {**self.key, **values}
        ).scalar_one_or_none()
        if version is None:
            raise LeaseLost(self.job_id)
        return version

    def _quota_wait_s(self, step: Step) -> float | None:
        if step.total is None:
            return None
        return self.quota_wait_s(step.total - step.done) or None

    def _record_version(self, version: int) -> None:
        with self._published.lock:
            self._published.latest = version
        self._publish_latest()

    def _publish_latest(self) -> None:
        """Publish the latest version, at most twice a second. The lease's thread calls it too."""
        with self._published.lock:
            published, now = self._published, time.monotonic()
            if published.latest == published.told or now - published.told_at < _PUBLISH_EVERY_S:
                return
            published.told, published.told_at = published.latest, now
        if not publish(self._redis, self.job_id, self.athlete_id, published.told):
            # reaching Redis may take seconds: do not try at each call
            published.told_at += _REDIS_AWAY_S


def _is_before_its_time(row: Row[Any]) -> bool:
    """Whether a person let the job go on that was to wait for Strava's quota."""
    return row.quota_until is not None and row.quota_until > row.attempt_started_at + _EARLY
