"""What a running attempt holds: a lease on its job, renewed from a thread, and the reasons to stop.

AttemptStopped              the attempt has to end now; nothing it has not committed is written
├── LeaseLost               another worker may have taken the job over, or it was ended: write nothing more
├── JobCancelled            somebody wants the job to end
├── WorkerStopping          this worker is to stop: another goes on with the job
└── SyncSwitchedOff         background sync is off for the athlete (jobs/sync_switch.py)
"""

import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Self

from sqlalchemy import Row

from db.errors import DatabaseError, PacegraphError
from db.session import SyncDatabase
from db.statements import job

__all__ = ["AttemptStopped", "JobCancelled", "Lease", "LeaseLost", "WorkerStopping"]

_TICK_S = 0.25

_log = logging.getLogger(__name__)


class AttemptStopped(PacegraphError):  # noqa: N818 - these names say what is the case
    """An attempt at the job `job_id` has to end."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"job {job_id}: {type(self).__name__}")
        self.job_id = job_id


class LeaseLost(AttemptStopped):
    """The job is not this attempt's any more."""


class JobCancelled(AttemptStopped):
    """The job's cancellation was asked for."""


class WorkerStopping(AttemptStopped):
    """The worker was told to stop."""


class Lease:
    """Renews an attempt's lease every third of its length, on a connection of its own, until left.

    `on_tick` is called a few times a second from the same thread.
    """

    def __init__(self, database: SyncDatabase, row: Row[Any], lease_s: float, on_tick: Callable[[], None]) -> None:
        """Take the claimed job's `row`."""
        self._database = database
        self._key = {"job_id": row.id, "attempt": row.attempts, "lease_s": lease_s}
        self._lease_s = lease_s
        self._on_tick = on_tick
        self._renewed = time.monotonic()
        self._left = threading.Event()
        self._lost = False
        self._cancelled = False
        here = copy_context()  # so that the thread's lines are the job's
        self._thread = threading.Thread(target=here.run, args=(self._keep,), name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LeaseLost or JobCancelled where the last renewal brought that to light."""
        job_id = int(self._key["job_id"])
        if self._lost:
            raise LeaseLost(job_id)
        if self._cancelled:
            raise JobCancelled(job_id)

    def _keep(self) -> None:
        while not self._left.wait(min(_TICK_S, self._lease_s / 6)):
            self._on_tick()
            if time.monotonic() - self._renewed >= self._lease_s / 3:
                self._renew()

    def _renew(self) -> None:
        try:
            with self._database.write() as connection:
                cancelled = connection.execute(job.renew(), self._key).scalar_one_or_none()
        except DatabaseError as error:
            # Nobody can take the job over either, for as long as PostgreSQL is away.
            _log.warning("could not renew a lease", extra={**self._key, "error": str(error)})
            return
        self._renewed = time.monotonic()
        self._lost = cancelled is None
        self._cancelled = bool(cancelled)
