"""How a worker's stop signal reaches the attempt that it runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.lease import WorkerStopping


class StopRequest:
    """Records that the process was told to stop; the attempt notices at its next checkpoint.

    Inside `interruptible` the signal raises WorkerStopping immediately, so that a slow request to
    Strava delays no stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._interruptible_job: int | None = None

    def install(self) -> None:
        """Handle SIGTERM. Call it in the main thread."""
        signal.signal(signal.SIGTERM, self._handle)

    def check(self, job_id: int) -> None:
        """Raise WorkerStopping if a stop was requested."""
        if self.requested:
            raise WorkerStopping(job_id)

    @contextmanager
    def interruptible(self, job_id: int) -> Iterator[None]:
        """Mark work that may be interrupted anywhere, because it changes nothing."""
        self.check(job_id)
        self._interruptible_job = job_id
        try:
            yield
        finally:
            self._interruptible_job = None

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Let work end that changes something; within `interruptible` a stop is noticed then."""
        job_id, self._interruptible_job = self._interruptible_job, None
        yield
        if job_id is not None:
            self.check(job_id)
            self._interruptible_job = job_id

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if (job_id := self._interruptible_job) is not None:
            self._interruptible_job = None
            raise WorkerStopping(job_id)
