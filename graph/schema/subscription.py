"""The root of subscriptions: changes of jobs, read from their rows when Redis signals one.

A row is read once for all subscribers (`graph/schema/job_feed.py`). So each event checks here
whether its caller may see the job.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from db.models import ENDED
from graph.context import Info
from graph.errors import NotFound, Unauthenticated
from graph.global_id import decode_id_of
from graph.types.job import Job, athlete_id_of

_AGAIN_S = 1.0
"""Seconds until the next attempt at an event that lacked data because the database was busy."""


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

    @strawberry.subscription(description="Every change to any job of one athlete, from now on.")
    async def athlete_jobs(
        self,
        info: Info,
        athlete_id: Annotated[
            strawberry.ID, strawberry.argument(description="Global id of the athlete.")
        ],
    ) -> AsyncIterator[Job]:
        number = decode_id_of("Athlete", athlete_id, "athleteId")
        if info.context.viewer.account_id is None:
            raise Unauthenticated(info.context.how_to_sign_in)
        viewer = info.context.viewer
        if not viewer.is_admin and viewer.athlete_id != number:
            raise NotFound(
                "There is no athlete with this id, or you cannot see their jobs.",
                "athleteId",
            )
        async with info.context.jobs.watch(athlete_id=number) as changes:
            is_first = True
            async for change in changes:
                if change is None:
                    continue
                state = await info.context.job_feeds.read(change.job_id, change.version)
                if (job := _if_visible(info, state)) is None:
                    continue
                async for event in _deliver(info, job, is_first=is_first):
                    yield event
                is_first = False


async def _deliver(info: Info, job: Job, *, is_first: bool) -> AsyncIterator[Job]:
    """Charge an event and yield it, again as long as it lacked data. Raises BudgetExhausted."""
    await _charge(info, is_first=is_first)
    yield job
    while info.context.is_event_lost:
        await _begin_again(info)
        yield job


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
