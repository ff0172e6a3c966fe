"""The root of subscriptions: changes of jobs and data, read from rows when Redis signals one.

A row is read once for all subscribers (`graph/schema/job_feed.py`). So each event checks here
whether its caller may see the job.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import strawberry

from db.models import ENDED
from graph.context import Info
from graph.errors import InvalidScalar, NotFound, Unauthenticated
from graph.global_id import decode_id_of
from graph.job_interface import NO_JOB, ChangePosition
from graph.scalars import format_instant, parse_instant
from graph.types.athlete_change import AthleteChanges
from graph.types.job import Job, athlete_id_of
from runtime.bounded_map import LruMap

T = TypeVar("T")
AthleteId = Annotated[strawberry.ID, strawberry.argument(description="Global id of the athlete.")]
_AGAIN_S = 1.0
"""Seconds until the next attempt at an event that lacked data because the database was busy."""
_MOST_SEEN = 1000
"""Jobs whose last sent version a subscription remembers."""


@strawberry.type(
    description="Changes to subscribe to, over graphql-transport-ws or server-sent events."
)
class Subscription:
    """Root fields."""

    @strawberry.subscription(
        description="One job. Sends the current state immediately, then every change until the "
        "job ends. After a lost connection, subscribe again: the first event is "
        "always the current state."
    )
    async def job_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Global id of the job.")],
    ) -> AsyncIterator[Job]:
        job_id = decode_id_of("Job", id, "id")
        if info.context.viewer.account_id is None:
            # No job is visible to them: NOT_FOUND would not say what is missing.
            raise Unauthenticated(info.context.how_to_sign_in)
        async with info.context.job_feeds.watch(job_id) as states:
            is_first = True
            async for state in states:
                job = _visible_job(info, state)
                async for event in _deliver(info, job, is_first=is_first):
                    yield event
                is_first = False
                if job.status in ENDED:
                    return

    @strawberry.subscription(
        description="Jobs of one athlete: first each job under way, oldest first, then every "
        "change to any job. After a lost connection, subscribe again with `since`, and nothing is "
        "missed. Of two events about a job, the one with the higher `version` is newer."
    )
    async def athlete_jobs(
        self,
        info: Info,
        athlete_id: AthleteId,
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Time at which the connection was last known to work: jobs that ended "
                "since then, or up to two minutes before, are sent first too, at most the newest "
                "1000. Default: the header `Last-Event-ID` of an event stream, else none."
            ),
        ] = None,
    ) -> AsyncIterator[Job]:
        number = _athlete_of(info, athlete_id, "jobs")
        is_first = True
        async for state in _jobs_of(info, number, since or _position(info)):
            if (job := _if_visible(info, state)) is None:
                continue
            info.context.event_id = format_instant(datetime.now(UTC))
            async for event in _deliver(info, job, is_first=is_first):
                yield event
            is_first = False

    @strawberry.subscription(
        description="What changes of one athlete's activities and personal bests: by a sync, a "
        "webhook, an import, or an edit by any client. Sends nothing until something changes; with "
        "`since`, what changed since then at once. After a lost connection, subscribe again with "
        "`since`, and nothing is missed."
    )
    async def athlete_changed(
        self,
        info: Info,
        athlete_id: AthleteId,
        since: Annotated[
            datetime | None,
            strawberry.argument(
                description="Time at which the connection was last known to work, or `changedAt` "
                "of the last event: what changed since then, or up to two minutes before, is sent "
                "first. Default: the header `Last-Event-ID` of an event stream, else none."
            ),
        ] = None,
    ) -> AsyncIterator[AthleteChanges]:
        number = _athlete_of(info, athlete_id, "changes")
        position: ChangePosition = _position(info) if since is None else _minute_before(since)
        is_first = True
        async with info.context.job_feeds.changes(number, position) as changes:
            async for change in changes:
                info.context.forget()
                if not info.context.viewer.sees_unshared(number):
                    continue
                info.context.event_id = format_instant(change.changed_at)
                info.context.database_work.add_of(change.work)
                async for event in _deliver(info, change, is_first=is_first):
                    yield event
                is_first = False


def _athlete_of(info: Info, global_id: str, what: str) -> int:
    """Get the number of the caller's own athlete; admins may watch all. Raises CallerError."""
    number = decode_id_of("Athlete", global_id, "athleteId")
    if info.context.viewer.account_id is None:
        raise Unauthenticated(info.context.how_to_sign_in)
    if not info.context.viewer.sees_unshared(number):
        raise NotFound(
            f"There is no athlete with this id, or you cannot see their {what}.", "athleteId"
        )
    return number


async def _jobs_of(
    info: Info, athlete_id: int, since: datetime | None
) -> AsyncIterator[Job | None]:
    """Yield jobs of an athlete: those under way, those that ended since, then each that changes.

    Looks at intervals find what was lost between the processes.
    """
    seen = LruMap[int, int](_MOST_SEEN)
    feeds = info.context.job_feeds
    async with info.context.jobs.watch(athlete_id=athlete_id) as changes:
        async for change in changes:
            if change is not None and change.job_id == NO_JOB:
                continue
            if change is not None:
                news: Sequence[tuple[int, int]] = [(change.job_id, change.version)]
            else:
                read_at = datetime.now(UTC)
                found = await feeds.recent(athlete_id, _minute_before(since or read_at))
                info.context.database_work.add_of(found.work)  # the next event pays
                if since is None:  # what ended before is no news, now or at the next read
                    for each in found.jobs:
                        if each.has_ended:
                            seen.keep(each.job_id, each.version)
                news = [(each.job_id, each.version) for each in found.jobs]
                since = read_at
            for job_id, version in news:
                last = seen.find(job_id)
                if last is None or version > last:
                    job = await feeds.read(job_id, version)
                    seen.keep(job_id, version if job is None else job.version)
                    yield job


def _minute_before(instant: datetime) -> datetime:
    """Get a full minute, one to two before: clocks differ, and subscribers share a read."""
    return (instant - timedelta(minutes=1)).replace(second=0, microsecond=0)


def _position(info: Info) -> datetime | None:
    """Get the time that a client of an event stream names as its last event.

    None: it names none.
    """
    try:
        return parse_instant(info.context.last_event_id)
    except InvalidScalar:
        return None


async def _deliver(info: Info, event: T, *, is_first: bool) -> AsyncIterator[T]:
    """Charge an event and yield it, again as long as it lacked data. Raises BudgetExhausted."""
    await _charge(info, is_first=is_first)
    yield event
    while info.context.is_event_lost:
        await _begin_again(info)
        yield event


async def _charge(info: Info, *, is_first: bool) -> None:
    """Charge an event to the caller's budget. The operation's own charge covers the first event.

    Raises BudgetExhausted.
    """
    info.context.database_work.restart()  # each event may take as long as an operation
    if not is_first and info.context.charge is not None:
        await info.context.charge.repeat(info.context.budget())


async def _begin_again(info: Info) -> None:
    """Wait, then prepare another attempt at an event that lacked data."""
    await asyncio.sleep(_AGAIN_S)
    info.context.forget()


def _visible_job(info: Info, job: Job | None) -> Job:
    """Check that the caller may see a job now. Raises NotFound."""
    visible = _if_visible(info, job)
    if visible is None:
        raise NotFound("There is no job with this id, or you cannot see it.", "id")
    return visible


def _if_visible(info: Info, job: Job | None) -> Job | None:
    """Return the job if the caller may see it now, else None. Prepares the context for an event."""
    info.context.forget()
    if job is None or not info.context.viewer.sees_unshared(athlete_id_of(job)):
        return None
    return job
