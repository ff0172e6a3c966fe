"""Starting and steering jobs."""

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Executable, RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import ACTIVE, JobKind, Scope
from db.statements import job as statements
from db.statements import strava_connection as connections
from graph.access import not_found, own_athlete, require_scope
from graph.arguments import checked_text
from graph.context import Info
from graph.errors import InvalidArgument
from graph.ids import decode_id, decode_id_of
from graph.job_queue import JobChange
from graph.node import load_node_of
from graph.refusal import Refused
from graph.relation import NO_ARGUMENTS
from graph.types.activity import Activity
from graph.types.enums import UserErrorCode
from graph.types.job import JOB_BY_ID, Job
from graph.types.job_mutation import JobPayload, SyncStravaInput, SyncStravaPayload
from logs import correlation

_ATTEMPTS = 3
_MAX_STRAVA_ID = 2**63 - 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job to start; `athlete_id` None is for all athletes."""

    kind: JobKind
    athlete_id: int | None
    arguments: dict[str, Any]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A job that was created, or found where an equal one was there before."""

    news: RowMapping
    created: bool


async def create_job(connection: AsyncConnection, info: Info, wanted: Wanted) -> Started:
    """Write a job in the caller's transaction, or find the one in its way. Hand it over (`hand_over`) after commit."""
    parameters = {
        "athlete": wanted.athlete_id,
        "account": info.context.viewer.account_id,
        "job_kind": wanted.kind,
        "job_arguments": wanted.arguments,
        "key": wanted.idempotency_key,
        **correlation(),
    }
    for _ in range(_ATTEMPTS):
        created = (await connection.execute(statements.create(), parameters)).mappings().first()
        if created:
            return Started(created, created=True)
        met = {name: parameters[name] for name in ("athlete", "job_kind", "key")}
        existing = (await connection.execute(statements.existing(), met)).mappings().first()
        if existing:
            return Started(existing, created=False)
        # The one in the way ended between the two statements.
    raise Refused(UserErrorCode.CONFLICT, "Another job got in the way. Ask again.")


async def hand_over(info: Info, started: Started) -> None:
    """Give a created job to the workers and tell watchers; call it after the commit."""
    _note("a job was created" if started.created else "the job was there already", started.news)
    if started.created:
        await info.context.jobs.announce(_change(started.news))
        await info.context.jobs.enqueue(started.news["id"])


async def start_job(info: Info, wanted: Wanted) -> Started:
    """Write a job and hand it over."""
    async with info.context.database.write() as connection:
        started = await create_job(connection, info, wanted)
    await hand_over(info, started)
    return started


async def load_job(info: Info, job_id: int) -> Job:
    """Load a job as it is now."""
    info.context.forget()
    found: Job = await info.context.loaders.lookup(JOB_BY_ID, NO_ARGUMENTS, job_id)
    return found


async def sync_strava(info: Info, wanted: SyncStravaInput) -> SyncStravaPayload:
    """Start a sync, or find the one that runs. Raises Refused, CallerError."""
    athlete_id = await own_athlete(info, wanted.athlete_id, "input.athleteId")
    await _require_connection(info, athlete_id)
    _check_days(wanted.since, wanted.until)
    key = checked_text(wanted.idempotency_key, "input.idempotencyKey", min_length=1, max_length=200)
    arguments = {
        "mode": wanted.mode,
        "activity_id": await _strava_id(info, wanted.activity_id),
        "since": wanted.since and wanted.since.isoformat(),
        "until": wanted.until and wanted.until.isoformat(),
    }
    started = await start_job(info, Wanted(JobKind.STRAVA_SYNC, athlete_id, arguments, key))
    job = await load_job(info, started.news["id"])
    running = not started.created and job.status in ACTIVE
    return SyncStravaPayload(job=job, already_running=running, task_id=job.id, status="queued")


async def recalculate(info: Info, kind: JobKind, global_id: str | None) -> JobPayload:
    """Start a recalculation for one athlete or, for an admin, for all. Raises Refused, CallerError."""
    if global_id is None:
        require_scope(info, Scope.ADMIN)
        athlete_id = None
    else:
        athlete_id = await own_athlete(info, global_id, "input.athleteId")
    started = await start_job(info, Wanted(kind, athlete_id, {}))
    return JobPayload(job=await load_job(info, started.news["id"]))


async def cancel_job(info: Info, global_id: str) -> JobPayload:
    """Cancel a job: at once if it does not run, else at its next checkpoint. Raises Refused, CallerError."""
    return await _steer(info, global_id, statements.cancel(), "a job's end was asked for", "It has ended already.")


async def retry_job(info: Info, global_id: str) -> JobPayload:
    """Queue a failed or cancelled job again. Raises Refused, CallerError."""
    refusal = "Only a job that failed or was cancelled, and only while no other of its kind is active."
    payload = await _steer(info, global_id, statements.retry(), "a job was queued again", refusal)
    await info.context.jobs.enqueue(decode_id_of("Job", global_id, "input.id"))
    return payload


async def _steer(info: Info, global_id: str, statement: Executable, done: str, refusal: str) -> JobPayload:
    require_scope(info, Scope.SYNC)
    if await load_node_of(info, "Job", global_id, "input.id") is None:
        raise not_found("input.id", "job")
    job_id = decode_id_of("Job", global_id, "input.id")
    try:
        async with info.context.database.write() as connection:
            news = (await connection.execute(statement, {"job_id": job_id})).mappings().first()
    except IntegrityError:  # another job of the kind became active at this moment
        news = None
    if news is None:
        raise Refused(UserErrorCode.CONFLICT, refusal, "input.id")
    _note(done, news)
    await info.context.jobs.announce(_change(news))
    return JobPayload(job=await load_job(info, job_id))


def _note(what: str, news: RowMapping) -> None:
    """Log what a request did to a job, whose other lines have the id of the request that created it."""
    _log.info(what, extra={"job_id": news["id"], "kind": news["kind"]})


def _change(news: RowMapping) -> JobChange:
    return JobChange(news["id"], news["athlete_id"], news["version"])


async def _require_connection(info: Info, athlete_id: int) -> None:
    async with info.context.database.read() as connection:
        connected = (await connection.execute(connections.of_athlete(), {"athlete": athlete_id})).mappings().first()
    if connected is None:
        raise Refused(
            UserErrorCode.NOT_CONNECTED, "The athlete is not connected to Strava. Use connectStrava.", "input.athleteId"
        )


async def _strava_id(info: Info, activity_id: str | None) -> int | None:
    """Read which activity to sync: a number of Strava's, or the global id of an activity that came from there."""
    if activity_id is None:
        return None
    if activity_id.isascii() and activity_id.isdigit() and 0 < int(activity_id) <= _MAX_STRAVA_ID:
        return int(activity_id)
    decode_id(activity_id, "input.activityId")
    found: Activity | None = await load_node_of(info, "Activity", activity_id, "input.activityId")
    if found is None or found.strava_id is None:
        raise not_found("input.activityId", "activity from Strava")
    return int(found.strava_id)


def _check_days(since: date | None, until: date | None) -> None:
    if since and until and since > until:
        raise InvalidArgument("`since` lies behind `until`. Swap them.", "input.since")
