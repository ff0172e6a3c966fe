"""Command that tries activities again that syncs could not have."""

from functools import partial

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import JobKind
from db.statements.strava import sync_problem as statements
from graph.commands.authorization import not_found, own_athlete
from graph.commands.idempotency import RequestKey
from graph.commands.job import (
    JobRequest,
    is_under_way,
    load_job,
    require_budget,
    require_connection,
    start_job,
    take_place,
    tell_displaced,
)
from graph.context import Context
from graph.errors import InvalidArgument
from graph.types.enums import UserErrorCode
from graph.types.job_mutation import RetrySyncProblemsInput, RetrySyncProblemsPayload
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

_MOST = 2**63 - 1


async def retry_sync_problems(
    context: Context, wanted: RetrySyncProblemsInput
) -> RetrySyncProblemsPayload:
    """Let problems be tried now, and start the job. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    await require_connection(context, athlete_id)
    strava_id = _strava_id(wanted.strava_id)
    displaced: list[RowMapping] = []

    async def ask(connection: AsyncConnection) -> None:
        values = {"athlete": athlete_id, "problem_of": strava_id}
        with waiting_for_lock():  # a job may be trying one
            asked = await connection.execute(statements.ask(), values)
        if asked.first() is None:
            raise _nothing_to_try(strava_id)
        await take_place(athlete_id, displaced, connection)

    started = await start_job(
        context,
        JobRequest(JobKind.STRAVA_SYNC, athlete_id, statements.FOR_PROBLEMS),
        RequestKey.from_input(context, "retrySyncProblems", wanted),
        admit=partial(require_budget, context.write_rules(), athlete_id),
        prepare=ask,
    )
    await tell_displaced(context, displaced)
    job = await load_job(context, started.news["id"])
    return RetrySyncProblemsPayload(job=job, already_running=is_under_way(started, job))


def _strava_id(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 0 < int(given[:20]) <= _MOST):
        raise InvalidArgument(
            "input.stravaId",
            "is no id of an activity on Strava. Give it as `syncProblems` does, such as "
            '"1234567890".',
        )
    return int(given)


def _nothing_to_try(strava_id: int | None) -> MutationRefused:
    if strava_id is not None:
        return not_found("input.stravaId", "problem")
    return MutationRefused(
        UserErrorCode.CONFLICT,
        "The athlete has no activity to try again. See `syncProblems`.",
        "input.athleteId",
    )
