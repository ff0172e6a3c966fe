"""The root of subscriptions: jobs, followed by their rows. Redis only says when to look."""

from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from db.models import ENDED
from graph.commands.job import load_job
from graph.context import Info
from graph.errors import NotFound, Unauthenticated
from graph.ids import decode_id_of
from graph.node import load_node_of
from graph.types.job import Job


@strawberry.type(description="What can be watched, over graphql-transport-ws or server-sent events.")
class Subscription:
    """Root fields."""

    @strawberry.subscription(
        description="A job: its present state at once, then every change, until it has ended. Ask again after a lost "
        "connection: nothing is missed, for the first answer is always the present state."
    )
    async def job_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
    ) -> AsyncIterator[Job]:
        job_id = decode_id_of("Job", id, "id")
        # Listening begins before the first look, so that no change falls between them.
        async with info.context.jobs.watch(job_id=job_id) as changes:
            last: Job | None = None
            async for _ in changes:
                job = await _visible_job(info, id)
                if last is None or job.version != last.version:
                    await _charge(info, is_first=last is None)
                    last = job
                    yield job
                if job.status in ENDED:
                    return

    @strawberry.subscription(description="Every change of every job of one athlete, from now on.")
    async def athlete_jobs(
        self,
        info: Info,
        athlete_id: Annotated[strawberry.ID, strawberry.argument(description="The athlete's global id.")],
    ) -> AsyncIterator[Job]:
        number = decode_id_of("Athlete", athlete_id, "athleteId")
        if info.context.viewer.account_id is None:
            raise Unauthenticated
        viewer = info.context.viewer
        if not viewer.is_admin and viewer.athlete_id != number:
            raise NotFound("There is no athlete with this id, or their jobs are not for you to see.", "athleteId")
        async with info.context.jobs.watch(athlete_id=number) as changes:
            is_first = True
            async for change in changes:
                if change is not None and (job := await load_job(info, change.job_id)):
                    await _charge(info, is_first=is_first)
                    is_first = False
                    yield job


async def _charge(info: Info, *, is_first: bool) -> None:
    """Take an event's cost from the caller's budget, as dear as the first, paid for with the operation.

    Raises BudgetExhausted.
    """
    if not is_first and info.context.charge is not None:
        await info.context.charge.repeat(info.context.budget())


async def _visible_job(info: Info, global_id: str) -> Job:
    info.context.forget()
    job: Job | None = await load_node_of(info, "Job", global_id, "id")
    if job is None:
        raise NotFound("There is no job with this id, or it is not for you to see.", "id")
    return job
