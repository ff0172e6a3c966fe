"""How long jobs live: the end of those that take too long, and of those that ended long ago."""

from functools import cache

from sqlalchemy import Executable, Float, Integer, bindparam, delete, exists, func, null, true

from db.models import ACTIVE, IdempotencyKey, Job, JobErrorCode, JobStatus
from db.statements.interval import ago
from db.statements.jobs.job import SUMMARY, change, free_rows

_OVERDUE = "The job took too long in all."


@cache
def end_overdue() -> Executable:
    """End the active jobs that have lived longer than `life_s` as FAILED; returns their summaries.

    An attempt that runs loses its job.
    """
    overdue = Job.live_since < ago(bindparam("life_s", type_=Float))
    return (
        change(Job.id.in_(free_rows(Job.status.in_(ACTIVE), overdue)))
        .values(
            status=JobStatus.FAILED,
            lease_until=null(),
            waiting_until=null(),
            finished_at=func.now(),
            error_code=JobErrorCode.TIMED_OUT,
            error_message=_OVERDUE,
            error_retryable=true(),
        )
        .returning(*SUMMARY)
    )


def delete_ended() -> Executable:
    """Delete at most `most` jobs that ended more than `kept_s` seconds ago.

    A job that an idempotency key names is kept, because the key's repetition returns it.
    """
    old = ago(bindparam("kept_s", type_=Float))
    named = exists().where(IdempotencyKey.job_id == Job.id)
    # `created_at` has an index, and is before `finished_at`.
    ended = free_rows(Job.created_at < old, Job.finished_at < old, ~named)
    return delete(Job).where(
        Job.id.in_(ended.order_by(Job.created_at, Job.id).limit(bindparam("most", type_=Integer)))
    )
