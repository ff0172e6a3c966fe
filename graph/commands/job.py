"""Commands that start, cancel and retry jobs."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import ACTIVE, URGENT, JobKind, Scope
from db.statements.jobs import job as statements
from db.statements.strava import nightly_sync, sync_budget
from db.statements.strava import strava_connection as connections
from graph.commands.authorization import not_found, own_athlete, require_scope
from graph.commands.idempotency import RequestKey
from graph.commands.synced_activity import activity_to_sync, require_not_deleted
from graph.context import Context, WriteRules
from graph.errors import InvalidArgument
from graph.global_id import decode_id_of
from graph.job_interface import JobChange
from graph.mapping.relation import NO_ARGUMENTS
from graph.types.enums import UserErrorCode
from graph.types.job import JOB_BY_ID, Job
from graph.types.job_mutation import (
    CancelJobInput,
    JobPayload,
    RecalculateInput,
    RetryJobInput,
    SyncStravaInput,
    SyncStravaPayload,
)
from graph.types.node_lookup import load_node_of
from graph.types.payload import MutationRefused
from logs import correlation
from runtime.work_meter import waiting_for_lock

_ATTEMPTS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to start; `athlete_id` None is for all athletes."""

    kind: JobKind
    athlete_id: int | None
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job that was created, or found where an equal one was there before."""

    news: RowMapping
    created: bool


async def create_job(
    connection: AsyncConnection, context: Context, wanted: JobRequest
) -> StartedJob:
    """Write a job in the caller's transaction, or find the one in its way.

    Hand it over (`hand_over`) after commit. Raises MutationRefused.
    """
    parameters = {
        "athlete": wanted.athlete_id,
        "account": context.viewer.account_id,
        "job_kind": wanted.kind,
        "job_arguments": wanted.arguments,
        **correlation(),
    }
    for _ in range(_ATTEMPTS):
        with waiting_for_lock():  # for one that is just being created
            made = await connection.execute(statements.create(), parameters)
        if created := made.mappings().first():
            return StartedJob(created, created=True)
        met = {name: parameters[name] for name in ("athlete", "job_kind")}
        existing = (await connection.execute(statements.existing(), met)).mappings().first()
        if existing:
            return StartedJob(existing, created=False)
        # the job in the way ended between the two statements
    raise MutationRefused(
        UserErrorCode.CONFLICT, "Another job was started at the same moment. Try again."
    )


async def hand_over(context: Context, started: StartedJob) -> None:
    """Enqueue a created job and tell its watchers. Call it after the commit."""
    _log_change(
        "a job was created" if started.created else "the job was there already", started.news
    )
    if started.created:
        await context.jobs.announce(_change(started.news))
        at_front = started.news["kind"] in URGENT
        await context.jobs.enqueue(started.news["id"], at_front=at_front)


async def start_job(
    context: Context,
    wanted: JobRequest,
    key: RequestKey | None,
    admit: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    prepare: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> StartedJob:
    """Write a job and hand it over, or find the one that the same request started before.

    `prepare` is called in its transaction before, if the request is not a repetition. `admit` may
    refuse a job that was not there, by raising in its transaction.
    """

    async def start(connection: AsyncConnection) -> StartedJob:
        made = await key.take(connection) if key else None
        if made:
            return await find_job(connection, made["job_id"])
        if prepare:
            await prepare(connection)
        started = await create_job(connection, context, wanted)
        if admit and started.created:
            await admit(connection)
        if key:
            await key.record(connection, job_id=started.news["id"])
        return started

    started = await context.database.writing(start)
    await hand_over(context, started)
    return started


async def find_job(connection: AsyncConnection, job_id: int) -> StartedJob:
    """Find the job that the same request started before."""
    found = await connection.execute(statements.find(), {"job_id": job_id})
    return StartedJob(found.mappings().one(), created=False)


async def load_job(context: Context, job_id: int) -> Job:
    """Load a job as it is now."""
    context.forget()
    found: Job = await context.loaders.lookup(JOB_BY_ID, NO_ARGUMENTS, job_id)
    return found


async def sync_strava(context: Context, wanted: SyncStravaInput) -> SyncStravaPayload:
    """Start a sync, or find the one in progress. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    await require_connection(context, athlete_id)
    _check_days(wanted.since, wanted.until)
    key = RequestKey.from_input(context, "syncStrava", wanted)
    activity = await activity_to_sync(context, wanted)
    arguments = {
        "mode": wanted.mode,
        "activity_id": activity,
        "since": wanted.since and wanted.since.isoformat(),
        "until": wanted.until and wanted.until.isoformat(),
    }
    displaced: list[RowMapping] = []

    async def prepare(connection: AsyncConnection) -> None:
        if activity is not None:
            await require_not_deleted(connection, athlete_id, activity, wanted)
        await take_place(athlete_id, displaced, connection)

    started = await start_job(
        context,
        JobRequest(JobKind.STRAVA_SYNC, athlete_id, arguments),
        key,
        admit=partial(require_budget, context.write_rules(), athlete_id),
        prepare=prepare,
    )
    await tell_displaced(context, displaced)
    job = await load_job(context, started.news["id"])
    running = is_under_way(started, job)
    return SyncStravaPayload(job=job, already_running=running, task_id=job.id, status="queued")


async def take_place(
    athlete_id: int, displaced: list[RowMapping], connection: AsyncConnection
) -> None:
    """Cancel the sync that the server itself started, unless it runs.

    `displaced` is filled with it, for `tell_displaced` after the commit.
    """
    values = {"athlete": athlete_id}
    displaced.clear()  # the transaction may be repeated
    with waiting_for_lock():
        cancelled = await connection.execute(statements.make_way(), values)
    displaced += cancelled.mappings().all()
    if any(news["arguments"] == nightly_sync.FOR_NIGHT for news in displaced):
        await connection.execute(nightly_sync.begin_again(), values)


async def tell_displaced(context: Context, displaced: list[RowMapping]) -> None:
    """Log the jobs that made way, and tell their watchers. Call it after the commit."""
    for news in displaced:
        _log_change("a job made way for one that was asked for", news)
        await context.jobs.announce(_change(news))


def is_under_way(started: StartedJob, job: Job) -> bool:
    """Whether the request found the job as it was active."""
    return not started.created and job.status in ACTIVE


async def recalculate_personal_bests(context: Context, wanted: RecalculateInput) -> JobPayload:
    """Start a recalculation of best efforts and bests. Raises MutationRefused, CallerError."""
    return await _recalculate(context, JobKind.PERSONAL_BESTS, wanted)


async def recalculate_age_grades(context: Context, wanted: RecalculateInput) -> JobPayload:
    """Start a recalculation of age grades. Raises MutationRefused, CallerError."""
    return await _recalculate(context, JobKind.AGE_GRADES, wanted)


async def _recalculate(context: Context, kind: JobKind, wanted: RecalculateInput) -> JobPayload:
    """Start a job for one athlete or, for an admin, for all."""
    key = RequestKey.from_input(context, f"recalculate {kind}", wanted)
    if wanted.athlete_id is None:
        require_scope(context, Scope.ADMIN)
        athlete_id = None
    else:
        athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    started = await start_job(context, JobRequest(kind, athlete_id, {}), key)
    return JobPayload(job=await load_job(context, started.news["id"]))


async def cancel_job(context: Context, wanted: CancelJobInput) -> JobPayload:
    """Cancel a job: immediately if it does not run, otherwise at its next checkpoint.

    Raises MutationRefused, CallerError.
    """
    return await _steer(
        context,
        wanted.id,
        statements.cancel(),
        "a job's end was asked for",
        "The job has already ended.",
    )


async def retry_job(context: Context, wanted: RetryJobInput) -> JobPayload:
    """Queue a failed or cancelled job again. Raises MutationRefused, CallerError."""
    refusal = (
        "Only a failed or cancelled job can be retried, and only if no other job of its kind is "
        "active."
    )
    payload = await _steer(
        context,
        wanted.id,
        statements.retry(),
        "a job was queued again",
        refusal,
        key=RequestKey.from_input(context, "retryJob", wanted),
        admit=partial(_require_retry, context.write_rules()),
    )
    # It does no harm if a repeated request enqueues the job again: it is claimed once.
    await context.jobs.enqueue(decode_id_of("Job", wanted.id, "input.id"))
    return payload


async def _steer(
    context: Context,
    global_id: str,
    statement: Executable,
    done: str,
    refusal: str,
    *,
    key: RequestKey | None = None,
    admit: Callable[[RowMapping], Awaitable[None]] | None = None,
) -> JobPayload:
    require_scope(context, Scope.SYNC)
    if await load_node_of(context, "Job", global_id, "input.id") is None:
        raise not_found("input.id", "job")
    job_id = decode_id_of("Job", global_id, "input.id")

    async def change(connection: AsyncConnection) -> tuple[RowMapping | None, bool]:
        if key and await key.take(connection):
            return None, True
        with waiting_for_lock():
            changed = await connection.execute(statement, {"job_id": job_id})
        news = changed.mappings().first()
        if admit and news:
            await admit(news)
        if key and news:
            await key.record(connection, job_id=job_id)
        return news, False

    try:
        news, is_repeated = await context.database.writing(change)
    except IntegrityError:  # another job of the kind became active at this moment
        news, is_repeated = None, False
    if is_repeated:
        return JobPayload(job=await load_job(context, job_id))
    if news is None:
        raise MutationRefused(UserErrorCode.CONFLICT, refusal, "input.id")
    _log_change(done, news)
    await context.jobs.announce(_change(news))
    return JobPayload(job=await load_job(context, job_id))


def _log_change(what: str, news: RowMapping) -> None:
    """Log what this request did to a job; its other lines carry the id of its first request."""
    logger.info(what, extra={"job_id": news["id"], "kind": news["kind"]})


def _change(news: RowMapping) -> JobChange:
    return JobChange(news["id"], news["athlete_id"], news["version"])


async def require_connection(context: Context, athlete_id: int) -> None:
    """Check that the athlete is connected to Strava. Raises MutationRefused."""
    connected = await context.database.reading(
        lambda connection: connection.execute(connections.of_athlete(), {"athlete": athlete_id})
    )
    if connected.first() is None:
        raise MutationRefused(
            UserErrorCode.NOT_CONNECTED,
            "The athlete is not connected to Strava. Use connectStrava.",
            "input.athleteId",
        )


async def require_budget(rules: WriteRules, athlete_id: int, connection: AsyncConnection) -> None:
    """Raise MutationRefused for a sync that could not make one request now."""
    if not rules.sync_budget_requests:
        return
    values = {
        "athlete": athlete_id,
        "capacity": rules.sync_budget_requests,
        "refill_per_h": rules.sync_budget_refill_per_h,
    }
    left = (await connection.execute(sync_budget.look(), values)).first()
    if left is None or left.level >= 1:
        return
    raise MutationRefused(
        UserErrorCode.RATE_LIMITED,
        "The athlete's syncs have used up their budget of requests to Strava. Try again at "
        f"{left.retry_at:%Y-%m-%dT%H:%M:%SZ}.",
        "input.athleteId",
        retry_at=left.retry_at,
    )


async def require_export(rules: WriteRules, athlete_id: int, field: str = "athleteId") -> None:
    """Count an archive of the athlete. Raises MutationRefused if there were too many."""
    retry_at = await rules.count_export(athlete_id) if rules.count_export else None
    if retry_at is None:
        return
    raise MutationRefused(
        UserErrorCode.RATE_LIMITED,
        "All archives of a day were started for the athlete (EXPORTS_PER_DAY). The last one can be "
        "downloaded until it expires: `Job.export` has its address. Try again at "
        f"{retry_at:%Y-%m-%dT%H:%M:%SZ}.",
        f"input.{field}",
        retry_at=retry_at,
    )


async def _require_retry(rules: WriteRules, news: RowMapping) -> None:
    """Count an archive that is made again as any other."""
    if news["kind"] == JobKind.EXPORT:
        await require_export(rules, news["athlete_id"], "id")


def _check_days(since: date | None, until: date | None) -> None:
    if since and until and since > until:
        raise InvalidArgument("input.since", "is after `input.until`. Swap them.")
    # Where the day begins first, 14 hours ahead of UTC.
    latest = (datetime.now(UTC) + timedelta(hours=14)).date()
    if since and since > latest:
        raise InvalidArgument(
            "input.since", f"is in the future. Give a day until {latest.isoformat()}."
        )
