"""The interface between the schema and the job system: enqueue jobs, hear of changes, follow rows.

`web` implements the queue, `graph/schema/job_feed.py` the rows.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from runtime.work_meter import WorkMeter

if TYPE_CHECKING:
    from graph.types.athlete_change import AthleteChanges
    from graph.types.job import Job

NO_JOB = 0
"""Id in news of an athlete's data that no job changed."""

ChangePosition = int | datetime | None
"""Where in an athlete's changes a reader is: an id, a time, or None to begin with what comes next."""


@dataclass(frozen=True, slots=True)
class JobChange:
    """News: the job has a new version, or the athlete's data changed (NO_JOB).

    The rows tell what.
    """

    job_id: int
    athlete_id: int | None
    version: int


@dataclass(frozen=True, slots=True)
class RecentJob:
    """A job under way, or one that ended a short time ago."""

    job_id: int
    version: int
    has_ended: bool


@dataclass(frozen=True, slots=True)
class FoundJobs:
    """What a look at an athlete's jobs found, oldest first.

    `work` is the time in the database that it took. The first caller that gets it pays.
    """

    jobs: Sequence[RecentJob]
    work: WorkMeter


class JobQueue(Protocol):
    """Jobs, seen from the API."""

    async def enqueue(self, job_id: int, *, at_front: bool = False) -> None:
        """Hand a job to the workers, `at_front` before all others, after its row was committed.

        Never raises: the reconciler finds what was lost.
        """

    async def announce(self, change: JobChange) -> None:
        """Tell all watchers of a change. Never raises."""

    def watch(
        self, *, job_id: int | None = None, athlete_id: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[JobChange | None]]:
        """Hear of changes of one job, or of all jobs of one athlete, from entering the block on.

        Yields None at once, and again whenever there was no news for a while: a look at the row
        then finds what was lost on the way.
        """


class JobStates(Protocol):
    """One subscriber's place in the states of a job."""

    async def next(self) -> "Job | None":
        """Get the current state, then the newest one after each change.

        None if the row was deleted.
        """

    def close(self) -> None:
        """Watch no more."""


class ChangesOfAthlete(Protocol):
    """One subscriber's place in the changes of an athlete."""

    async def next(self) -> "AthleteChanges":
        """Wait for the next change. Each is read once for all."""

    def close(self) -> None:
        """Watch no more."""


class JobFeeds(Protocol):
    """Rows of jobs and their changes. Callers must check who may see a job.

    All methods wait while the database is busy or away, instead of raising.
    """

    async def recent(self, athlete_id: int, since: datetime) -> FoundJobs:
        """Find the jobs of an athlete under way, and those that ended at or after `since`."""

    def changes(self, athlete_id: int, position: ChangePosition) -> ChangesOfAthlete:
        """Watch what changes of an athlete after a position."""

    async def read(self, job_id: int, version: int) -> "Job | None":
        """Read a job at `version` or a later one; None if the row was deleted."""

    def watch(self, job_id: int) -> JobStates:
        """Watch a job."""
