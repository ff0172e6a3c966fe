"""How a worker's signal to stop reaches the attempt that runs in it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.lease import WorkerStopping

__all__ = ["StopRequest"]


class StopRequest:
    """Remembers that the process was told to stop, for the attempt to find out at its next checkpoint.

    Inside `interruptible` the signal raises WorkerStopping at once, so that nobody waits for a slow Strava.
    """

    def __init__(self) -> None:
        self.requested = False
        self._interruptible_job: int | None = None

    def install(self) -> None:
        """Take over SIGTERM. Call it in the main thread."""
        signal.signal(signal.SIGTERM, self._handle)

    def check(self, job_id: int) -> None:
        """Raise WorkerStopping where a stop was requested."""
        if self.requested:
            raise WorkerStopping(job_id)

    @contextmanager
    def interruptible(self, job_id: int) -> Iterator[None]:
        """Mark work that may be cut off anywhere: it changes nothing, here or there."""
        self.check(job_id)
        self._interruptible_job = job_id
        try:
            yield
        finally:
            self._interruptible_job = None

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if (job_id := self._interruptible_job) is not None:
            self._interruptible_job = None
            raise WorkerStopping(job_id)
