"""What the schema needs of the job system: to hand a job over, and to hear of changes. `web` composes it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class JobChange:
    """News: the job has a new version. The row tells what it is."""

    job_id: int
    athlete_id: int | None
    version: int


class JobQueue(Protocol):
    """Jobs, seen from the API."""

    async def enqueue(self, job_id: int) -> None:
        """Hand a job to the workers, after its row was committed. Never raises: the reconciler finds what was lost."""

    async def announce(self, change: JobChange) -> None:
        """Tell all watchers of a change. Never raises."""

    def watch(
        self, *, job_id: int | None = None, athlete_id: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[JobChange | None]]:
        """Hear of changes of one job, or of all jobs of one athlete, from entering the block on.

        Yields None at once, and again whenever there was no news for a while: a look at the row then finds what was
        lost on the way.
        """
