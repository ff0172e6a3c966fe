"""The queue as jobs' rows know it: which jobs are due, which Redis may have lost, and gauges."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    false,
    func,
    null,
    or_,
    select,
    update,
)

from db.models import ACTIVE, Job, JobStatus
from db.statements.interval import ago, seconds
from db.statements.jobs.job import QUEUED_NOW, SUMMARY, change

_SECONDS = bindparam("seconds", type_=Float)
_IDS = bindparam("ids", type_=ARRAY(BigInteger))


@cache
def wake() -> Executable:
    """Queue the WAITING jobs that are due; returns their summaries."""
    return wake_where(Job.waiting_until <= func.now()).returning(*SUMMARY)


def wake_where(*conditions: ColumnElement[bool]) -> Update:
    """Queue the WAITING jobs that meet the conditions."""
    return change(Job.status == JobStatus.WAITING, *conditions).values(
        status=JobStatus.QUEUED, waiting_until=null(), progress_message=null(), **QUEUED_NOW
    )


@cache
def waiting() -> Executable:
    """Select WAITING jobs of the kinds `job_kinds`, except cancelled ones.

    Columns: `id`, `athlete_id` and `is_due`.
    """
    return select(Job.id, Job.athlete_id, (Job.waiting_until <= func.now()).label("is_due")).where(
        Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
        Job.status == JobStatus.WAITING,
        Job.cancel_requested.is_(false()),
    )


@cache
def postpone() -> Executable:
    """Let the WAITING jobs `ids` wait for `seconds` more.

    Their version stays the same, because subscribers see no difference.
    """
    wanted = Job.id == any_(_IDS)
    return (
        update(Job)
        .where(wanted, Job.status == JobStatus.WAITING)
        .values(waiting_until=func.now() + seconds(_SECONDS))
    )


@cache
def queued_before() -> Executable:
    """Select the ids of jobs enqueued more than `seconds` ago, which Redis may have lost."""
    return (
        select(Job.id)
        .where(Job.status == JobStatus.QUEUED, _was_queued_before())
        .order_by(Job.created_at, Job.id)
    )


@cache
def oldest_queued() -> Executable:
    """Select the first `most` of `queued_before`."""
    return (
        select(Job.id)
        .where(Job.status == JobStatus.QUEUED, _was_queued_before())
        .order_by(Job.enqueued_at, Job.id)
        .limit(bindparam("most", type_=Integer))
    )


def oldest_where(condition: ColumnElement[bool]) -> Executable:
    """Select the first `most` jobs that meet the condition and queued more than `seconds` ago."""
    queued_at = func.coalesce(Job.queued_at, Job.enqueued_at)
    return (
        select(Job.id)
        .where(Job.status == JobStatus.QUEUED, condition, queued_at < ago(_SECONDS))
        .order_by(queued_at, Job.id)
        .limit(bindparam("most", type_=Integer))
    )


def _was_queued_before() -> ColumnElement[bool]:
    # A time to come is from before PostgreSQL's clock was set back.
    return or_(Job.enqueued_at < ago(_SECONDS), Job.enqueued_at > func.clock_timestamp())


@cache
def record_enqueued() -> Executable:
    """Record that the jobs `ids` were enqueued now, if still QUEUED; returns their summaries."""
    wanted = Job.id == any_(_IDS)
    queued = update(Job).where(wanted, Job.status == JobStatus.QUEUED)
    return queued.values(enqueued_at=func.now()).returning(*SUMMARY)


@cache
def state_of_queue() -> Executable:
    """Select for each kind of active job how many are `queued`, `waiting` and `expired`.

    `oldest_s` is the age in seconds of the job that has been queued for longest; null if none is.
    """
    clock = func.clock_timestamp()
    queued = Job.status == JobStatus.QUEUED
    waited = clock - func.coalesce(Job.queued_at, Job.enqueued_at)
    expired = (Job.status == JobStatus.RUNNING) & (Job.lease_until < clock)
    return (
        select(
            Job.kind,
            func.count().filter(queued).label("queued"),
            func.count().filter(Job.status == JobStatus.WAITING).label("waiting"),
            func.count().filter(Job.status == JobStatus.RUNNING).label("running"),
            func.count().filter(expired).label("expired"),
            cast(func.extract("epoch", func.max(waited).filter(queued)), Float).label("oldest_s"),
        )
        .where(Job.status.in_(ACTIVE))
        .group_by(Job.kind)
    )


@cache
def ended_lately() -> Executable:
    """Count the jobs that were made within `seconds` and ended, as `jobs`, by kind and status."""
    return (
        select(Job.kind, Job.status, func.count().label("jobs"))
        .where(Job.created_at > ago(_SECONDS), Job.status.not_in(ACTIVE))
        .group_by(Job.kind, Job.status)
    )


@cache
def waiting_for_quota() -> Executable:
    """Select how many athletes have a job that waits for Strava's quota."""
    return select(func.count(func.distinct(Job.athlete_id))).where(
        Job.status == JobStatus.WAITING, Job.quota_until.is_not(None)
    )
