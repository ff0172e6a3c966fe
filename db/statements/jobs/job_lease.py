"""Leases of jobs: what a worker holds a job by, and when the job is free for another worker."""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    true,
    update,
)

from db.models import Job, JobErrorCode, JobStatus
from db.statements.interval import ago, seconds
from db.statements.jobs.job import QUEUED_NOW, SUMMARY, change, free_rows
from db.statements.page import AnySelect

_JOB_ID = bindparam("job_id", type_=BigInteger)
_GIVEN_UP = "The worker disappeared too often."


@cache
def claim() -> Executable:
    """Claim `job_id` for `lease_s` seconds, if it is still QUEUED; returns the row."""
    return (
        change(Job.id == _JOB_ID, Job.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.RUNNING,
            attempts=Job.attempts + 1,
            lease_until=_lease_end(),
            lease_renewed_at=func.clock_timestamp(),
            started_at=func.coalesce(Job.started_at, func.now()),
            attempt_started_at=func.now(),
            attempt_started_done=Job.progress_done,
        )
        .returning(*Job.__table__.c)
    )


@cache
def renew() -> Executable:
    """Extend the attempt's lease by `lease_s`; returns `cancel_requested`."""
    return (
        update(Job)
        .where(*held())
        .values(lease_until=_lease_end(), lease_renewed_at=func.clock_timestamp())
        .returning(Job.cancel_requested)
    )


@cache
def hold() -> Executable:
    """Lock the row of the attempt's job; returns `cancel_requested`.

    Returns nothing if the job no longer belongs to the attempt.
    """
    return holding()


def holding() -> AnySelect:
    """Make what `hold` selects, for a statement that does more.

    Its key may be referred to by what is written beside the transaction.
    """
    return select(Job.cancel_requested).where(*held()).with_for_update(key_share=True)


@cache
def reclaim() -> Executable:
    """Queue the jobs of workers that gave no sign of life; returns their summaries.

    Their lease has expired, or their attempt has run for longer than `attempt_s` seconds and the
    worker did not end it. A job becomes FAILED after `max_failures` consecutive failures.
    """
    given_up = Job.failures + 1 >= bindparam("max_failures", type_=Integer)
    lost = or_(
        Job.lease_until < func.clock_timestamp(),
        Job.attempt_started_at < ago(bindparam("attempt_s", type_=Float)),
    )
    return (
        change(Job.id.in_(free_rows(Job.status == JobStatus.RUNNING, lost)))
        .values(
            status=case((given_up, JobStatus.FAILED), else_=JobStatus.QUEUED),
            lease_until=null(),
            failures=Job.failures + 1,
            **QUEUED_NOW,
            finished_at=case((given_up, func.now())),
            error_code=case((given_up, JobErrorCode.INTERNAL)),
            error_message=case((given_up, _GIVEN_UP)),
            error_retryable=case((given_up, true())),
        )
        .returning(*SUMMARY)
    )


@cache
def shorten_leases() -> Executable:
    """Give leases their length from now that were renewed in the future.

    PostgreSQL's clock was set back since, and they would last as much longer.
    """
    clock = func.clock_timestamp()
    return (
        update(Job)
        .where(Job.id.in_(free_rows(Job.status == JobStatus.RUNNING, Job.lease_renewed_at > clock)))
        .values(
            lease_until=clock + (Job.lease_until - Job.lease_renewed_at), lease_renewed_at=clock
        )
    )


def held() -> tuple[ColumnElement[bool], ...]:
    """Conditions that the job `job_id` belongs to the attempt `attempt`."""
    attempt = bindparam("attempt", type_=Integer)
    return Job.id == _JOB_ID, Job.attempts == attempt, Job.status == JobStatus.RUNNING


def _lease_end() -> ColumnElement[Any]:
    lease_s = bindparam("lease_s", type_=Float)
    # The clock, not the transaction's start: the lease has its full length even if the statement
    # waited for a lock.
    return func.clock_timestamp() + seconds(lease_s)
