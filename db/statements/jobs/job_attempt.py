"""What a running attempt writes to the row of its job: its progress, and how it ended.

The writes name the attempt (parameter `attempt`), and change no row once the job was reclaimed,
cancelled or ended.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Text,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased

from db.models import Job, JobKind, JobStatus
from db.statements.interval import seconds
from db.statements.jobs.job import CANCELLATION, ENDED_BY_ERASURE, QUEUED_NOW, SUMMARY, change
from db.statements.jobs.job_lease import held

_NOW = func.clock_timestamp()
"""The start of the transaction may be long ago: it may have waited for the athlete's lock."""


@cache
def advance() -> Executable:
    """Write the attempt's progress; returns `version`.

    Parameters: `state` (the checkpoint), `done`, `total`, `message`, and the increments of the
    counters: `created`, `updated`, `deleted`, `bests_changed`. `moved` resets the count of
    failures, because JOB_MAX_ATTEMPTS limits consecutive ones. `quota_wait_s`: seconds until
    Strava's quota covers what is left; null if it does now.
    """
    return (
        change(*held())
        .values(
            checkpoint=bindparam("state", type_=JSONB),
            progress_done=bindparam("done", type_=Integer),
            progress_total=bindparam("total", type_=Integer),
            progress_message=bindparam("message", type_=Text),
            activities_created=Job.activities_created + bindparam("created", type_=Integer),
            activities_updated=Job.activities_updated + bindparam("updated", type_=Integer),
            activities_deleted=Job.activities_deleted + bindparam("deleted", type_=Integer),
            personal_bests_changed=Job.personal_bests_changed
            + bindparam("bests_changed", type_=Integer),
            failures=case((bindparam("moved", type_=Boolean), 0), else_=Job.failures),
            expected_at=func.now() + seconds(bindparam("quota_wait_s", type_=Float)),
        )
        .returning(Job.version)
    )


@cache
def succeed() -> Executable:
    """End the attempt's job as SUCCEEDED; returns its summary."""
    return _leave(JobStatus.SUCCEEDED, finished_at=_NOW)


@cache
def begin_again() -> Executable:
    """Queue the attempt's job as if nothing had been done; returns its summary."""
    return _leave(
        JobStatus.QUEUED,
        checkpoint=literal({}, JSONB),
        progress_done=0,
        progress_total=null(),
        progress_message=null(),
        **QUEUED_NOW,
    )


@cache
def fail() -> Executable:
    """End the attempt's job as FAILED; returns its summary.

    Parameters: `code`, `text`, `retryable`.
    """
    return _leave(
        JobStatus.FAILED,
        finished_at=_NOW,
        failures=Job.failures + 1,
        error_code=bindparam("code", type_=Text),
        error_message=bindparam("text", type_=Text),
        error_retryable=bindparam("retryable"),
    )


@cache
def stop_cancelled() -> Executable:
    """End the attempt's job as CANCELLED, as requested; returns its summary."""
    erasure = aliased(Job)
    is_erased = exists().where(
        erasure.athlete_id == Job.athlete_id,
        erasure.kind == JobKind.ERASE_ATHLETE,
        or_(
            erasure.status == JobStatus.RUNNING,
            erasure.finished_at >= Job.attempt_started_at,
        ),
    )
    message = case((is_erased, ENDED_BY_ERASURE), else_=CANCELLATION["error_message"])
    error = CANCELLATION | {"error_message": message}
    return _leave(JobStatus.CANCELLED, finished_at=_NOW, **error)


@cache
def wait() -> Executable:
    """Set the attempt's job to WAITING for `wait_s` seconds; returns its summary.

    Other parameters: `text`, `failed` (0 or 1, added to the failures). If cancellation was
    requested, the job is due immediately, and its next attempt ends it.
    """
    failures = Job.failures + bindparam("failed", type_=Integer)
    return _wait(_after_wait(), quota_until=null(), failures=failures)


@cache
def wait_until() -> Executable:
    """Set the attempt's job to WAITING until `until`, which is by PostgreSQL's clock.

    Other parameters and cancellation are as in `wait`; it is no failure.
    """
    return _wait(bindparam("until", type_=Job.waiting_until.type), quota_until=null())


@cache
def wait_for_quota() -> Executable:
    """Set the attempt's job to WAITING for `wait_s` seconds; returns its summary.

    Other parameters and cancellation are as in `wait`; it is no failure.
    """
    return _wait(_after_wait(), quota_until=_after_wait())


def _after_wait() -> ColumnElement[Any]:
    return func.now() + seconds(bindparam("wait_s", type_=Float))


def _wait(until: ColumnElement[Any], **values: Any) -> Executable:
    return _leave(
        JobStatus.WAITING,
        waiting_since=case((_nothing_was_done(), Job.waiting_since), else_=func.now()),
        waiting_until=case((Job.cancel_requested, func.now()), else_=until),
        progress_message=bindparam("text", type_=Text),
        **values,
    )


def _nothing_was_done() -> ColumnElement[bool]:
    """Condition that the attempt, which goes on after a wait, has brought nothing."""
    waited = Job.waiting_since.is_not(None) & (Job.attempts > 1)
    return waited & (Job.progress_done == Job.attempt_started_done) & (Job.failures == 0)


@cache
def give_back() -> Executable:
    """Queue the attempt's job for another worker; returns its summary.

    It does not count as a failure, because the worker was told to stop.
    """
    return _leave(JobStatus.QUEUED, **QUEUED_NOW)


def _leave(status: JobStatus, **values: Any) -> Executable:
    return change(*held()).values(status=status, lease_until=null(), **values).returning(*SUMMARY)
