"""The events of each kind of subscription.

A row is read once for all subscribers (`graph/schema/job_feed.py`). So each event checks here
whether its caller may see the job.
"""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from db.models import ENDED
from graph.context import Context
from graph.errors import NotFound
from graph.global_id import decode_id_of
from graph.job_interface import (
    NO_JOB,
    ChangePosition,
    ChangesOfAthlete,
    JobChange,
    JobStates,
)
from graph.scalars import format_instant
from graph.schema.event_source import (
    EventSource,
    named_position,
    own_athlete,
    require_account,
)
from graph.types.athlete_change import AthleteChanges
from graph.types.job import Job, athlete_id_of
from runtime.bounded_map import LruMap

_MOST_SEEN = 1000
"""Jobs whose last sent version a subscription remembers."""


class EventsOfJob(EventSource[Job]):
    """The states of one job, until it ends."""

    __slots__ = ("_global_id", "_states")

    def __init__(self, context: Context, global_id: str) -> None:
        super().__init__(context)
        self._global_id = global_id
        self._states: JobStates | None = None

    async def aclose(self) -> None:
        if self._states is not None:
            self._states.close()

    async def _next(self) -> Job:
        if self._states is None:
            job_id = decode_id_of("Job", self._global_id, "id")
            require_account(self.context)
            self._states = self.context.job_feeds.watch(job_id)
        elif self._event is not None and self._event.status in ENDED:
            raise StopAsyncIteration
        job = _if_visible(self.context, await self._states.next())
        if job is None:
            raise NotFound("There is no job with this id, or you cannot see it.", "id")
        return job


class EventsOfJobs(EventSource[Job]):
    """Jobs of an athlete: those under way, those that ended since then, then each that changes.

    Looks at intervals find what was lost between the processes.
    """

    __slots__ = ("_changes", "_global_id", "_news", "_number", "_open", "_seen", "_since")

    def __init__(self, context: Context, global_id: str, since: datetime | None) -> None:
        super().__init__(context)
        self._global_id, self._since = global_id, since
        self._number = 0
        self._open = AsyncExitStack()
        self._changes: AsyncIterator[JobChange | None] | None = None
        self._seen = LruMap[int, int](_MOST_SEEN)
        self._news = deque[tuple[int, int]]()

    async def aclose(self) -> None:
        await self._open.aclose()

    async def _next(self) -> Job:
        if self._changes is None:
            self._number = own_athlete(self.context, self._global_id, "jobs")
            self._since = self._since or named_position(self.context)
            self._changes = await self._open.enter_async_context(
                self.context.jobs.watch(athlete_id=self._number)
            )
        while True:
            while self._news:
                read = await self._read(*self._news.popleft())
                if (job := _if_visible(self.context, read)) is not None:
                    self.context.event_id = format_instant(datetime.now(UTC))
                    return job
            change = await anext(self._changes)
            if change is None:
                await self._look()
            elif change.job_id != NO_JOB:
                self._news.append((change.job_id, change.version))

    async def _look(self) -> None:
        """Read which jobs there are: news may have been lost."""
        read_at = datetime.now(UTC)
        since = _minute_before(self._since or read_at)
        found = await self.context.job_feeds.recent(self._number, since)
        self.context.database_work.add_of(found.work)  # the next event pays
        if self._since is None:  # what ended before is no news, now or at the next read
            for each in found.jobs:
                if each.has_ended:
                    self._seen.keep(each.job_id, each.version)
        self._news.extend((each.job_id, each.version) for each in found.jobs)
        self._since = read_at

    async def _read(self, job_id: int, version: int) -> Job | None:
        """Read a job; None if it was deleted, or the client has this version."""
        last = self._seen.find(job_id)
        if last is not None and version <= last:
            return None
        job = await self.context.job_feeds.read(job_id, version)
        self._seen.keep(job_id, version if job is None else job.version)
        return job


class EventsOfAthlete(EventSource[AthleteChanges]):
    """What changes of an athlete's activities and personal bests."""

    __slots__ = ("_changes", "_global_id", "_number", "_since")

    def __init__(self, context: Context, global_id: str, since: datetime | None) -> None:
        super().__init__(context)
        self._global_id, self._since = global_id, since
        self._number = 0
        self._changes: ChangesOfAthlete | None = None

    async def aclose(self) -> None:
        if self._changes is not None:
            self._changes.close()

    async def _next(self) -> AthleteChanges:
        context = self.context
        if self._changes is None:
            self._number = own_athlete(context, self._global_id, "changes")
            position: ChangePosition = (
                named_position(context) if self._since is None else _minute_before(self._since)
            )
            self._changes = context.job_feeds.changes(self._number, position)
        while True:
            change = await self._changes.next()
            context.forget()
            if context.viewer.sees_unshared(self._number):
                context.event_id = format_instant(change.changed_at)
                context.database_work.add_of(change.work)
                return change


def _minute_before(instant: datetime) -> datetime:
    """Get a full minute, one to two before: clocks differ, and subscribers share a read."""
    return (instant - timedelta(minutes=1)).replace(second=0, microsecond=0)


def _if_visible(context: Context, job: Job | None) -> Job | None:
    """Return the job if the caller may see it now, else None. Prepares the context for an event."""
    context.forget()
    if job is None or not context.viewer.sees_unshared(athlete_id_of(job)):
        return None
    return job
