"""What a running attempt holds: a lease on its job, renewed by a thread; and the reasons to stop.

When another worker may have the job is in `db/statements/jobs/job_lease.py`; `jobs/reconcile.py`
then queues it.

AttemptStopped              the attempt must end; uncommitted work is discarded
├── LeaseLost               the job ended or another worker may have claimed it
├── JobCancelled            cancellation was requested
├── AttemptTimedOut         the attempt has run for JOB_ATTEMPT_MAX_S
├── WorkerStopping          this worker is stopping; another one continues the job
└── SyncSwitchedOff         background sync is off for the athlete (jobs/sync/feature_flag.py)
"""

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Self

from sqlalchemy import Row

from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.jobs import job_lease
from runtime.errors import PacegraphError

_TICK_S = 0.25
RENEW_EVERY_S = 2.0
"""At most, however long the lease: the renewal brings news of a cancellation."""
ATTEMPT_GRACE_S = 10.0
"""Seconds that an attempt has to end by itself, once it has to. Then `on_hang` is called."""

logger = logging.getLogger(__name__)


class AttemptStopped(PacegraphError):
    """An attempt at the job `job_id` has to end."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"job {job_id}: {type(self).__name__}")
        self.job_id = job_id


class LeaseLost(AttemptStopped):
    """The job no longer belongs to this attempt."""


class JobCancelled(AttemptStopped):
    """Cancellation of the job was requested."""


class AttemptTimedOut(AttemptStopped):
    """The attempt has run for too long."""


class WorkerStopping(AttemptStopped):
    """The worker was told to stop."""


class Lease:
    """Renews an attempt's lease every 2 seconds, or third of its length, on its own connection.

    `on_tick` is called a few times a second from the same thread. So is `on_hang`, once, with the
    reason, if the attempt goes on for ATTEMPT_GRACE_S after it had to end. The attempt has to end
    when `max_s` seconds have passed.
    """

    def __init__(
        self,
        database: SyncDatabase,
        row: Row[Any],
        lease_s: float,
        on_tick: Callable[[], None],
        *,
        max_s: float = float("inf"),
        on_hang: Callable[[AttemptStopped], None] | None = None,
    ) -> None:
        """Take the claimed job's `row`."""
        self._ends_at = time.monotonic() + max_s
        self._on_hang = on_hang
        self._stopping_since: float | None = None
        self._database = database
        self._key = {"job_id": row.id, "attempt": row.attempts, "lease_s": lease_s}
        self._lease_s = lease_s
        self._on_tick = on_tick
        self._renewed = time.monotonic()
        self._left = threading.Event()
        self._lost = False
        self._cancelled = False
        here = copy_context()  # so that the thread's log records name the job
        self._thread = threading.Thread(
            target=here.run, args=(self._keep,), name="lease", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LeaseLost or JobCancelled if the last renewal found that; AttemptTimedOut."""
        if (reason := self._reason_to_stop()) is not None:
            raise reason

    def _reason_to_stop(self) -> AttemptStopped | None:
        job_id = int(self._key["job_id"])
        if self._lost:
            return LeaseLost(job_id)
        if self._cancelled:
            return JobCancelled(job_id)
        if time.monotonic() >= self._ends_at:
            return AttemptTimedOut(job_id)
        return None

    def _keep(self) -> None:
        while not self._left.wait(min(_TICK_S, self._lease_s / 6)):
            self._on_tick()
            if time.monotonic() - self._renewed >= min(self._lease_s / 3, RENEW_EVERY_S):
                self._renew()
            self._watch_end()

    def _watch_end(self) -> None:
        """Call `on_hang` if the attempt should have ended."""
        reason, now = self._reason_to_stop(), time.monotonic()
        if reason is None or self._on_hang is None:
            return
        self._stopping_since = self._stopping_since or now
        if now - self._stopping_since >= ATTEMPT_GRACE_S:
            on_hang, self._on_hang = self._on_hang, None
            on_hang(reason)

    def _renew(self) -> None:
        try:
            with self._database.write() as connection:
                cancelled = connection.execute(job_lease.renew(), self._key).scalar_one_or_none()
        except DatabaseError as error:
            # No other worker can claim the job either while PostgreSQL is away.
            logger.warning("could not renew a lease", extra={**self._key, "error": str(error)})
            return
        self._renewed = time.monotonic()
        self._lost = cancelled is None
        self._cancelled = bool(cancelled)
