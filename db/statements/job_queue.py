"""Upkeep of jobs by the reconciler: due and lost jobs, dead workers, limits, retention, gauges."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    null,
    or_,
    select,
    true,
    update,
)

from db.models import ACTIVE, IdempotencyKey, Job, JobErrorCode, JobStatus
from db.statements.interval import ago, seconds
from db.statements.job import QUEUED_NOW, SUMMARY, change

_GIVEN_UP = "The worker disappeared too often."
_OVERDUE = "The job took too long in all."

_LEADER_LOCK = 0x70616367  # "pacg": one reconciler at a time
_SECONDS = bindparam("seconds", type_=Float)
_IDS = bindparam("ids", type_=ARRAY(BigInteger))


def limit_lead() -> Executable:
    """Have PostgreSQL end the connection if this transaction does nothing for `lead_s` seconds.

    A limit of the connection is not enough: a pooler may drop start-up parameters.
    """
    limit = bindparam("lead_s", type_=Text) + "s"
    return select(func.set_config("idle_in_transaction_session_timeout", limit, True))


def lead() -> Executable:
    """Select whether this transaction may reconcile, which one at a time may."""
    return select(func.pg_try_advisory_xact_lock(_LEADER_LOCK))


def wake() -> Executable:
    """Queue the WAITING jobs that are due; returns their summaries."""
    return (
        change(Job.status == JobStatus.WAITING, Job.waiting_until <= func.now())
        .values(
            status=JobStatus.QUEUED,
            waiting_until=null(),
            progress_message=null(),
            **QUEUED_NOW,
        )
        .returning(*SUMMARY)
    )


def due() -> Executable:
    """Select `id` and `athlete_id` of due jobs of the kinds `job_kinds`, except cancelled ones."""
    waits = (Job.status == JobStatus.WAITING) & (Job.waiting_until <= func.now())
    return select(Job.id, Job.athlete_id).where(
        Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
        waits,
        Job.cancel_requested.is_(false()),
    )


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


def queued_before() -> Executable:
    """Select the ids of jobs enqueued more than `seconds` ago, which Redis may have lost."""
    return (
        select(Job.id)
        .where(Job.status == JobStatus.QUEUED, _was_queued_before())
        .order_by(Job.created_at, Job.id)
    )


def oldest_queued() -> Executable:
    """Select the first `most` of `queued_before`."""
    return (
        select(Job.id)
        .where(Job.status == JobStatus.QUEUED, _was_queued_before())
        .order_by(Job.enqueued_at, Job.id)
        .limit(bindparam("most", type_=Integer))
    )


def oldest_of_kinds() -> Executable:
    """Select the first `most` jobs of the kinds `job_kinds` queued more than `seconds` ago."""
    queued_at = func.coalesce(Job.queued_at, Job.enqueued_at)
    return (
        select(Job.id)
        .where(
            Job.status == JobStatus.QUEUED,
            Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
            queued_at < ago(_SECONDS),
        )
        .order_by(queued_at, Job.id)
        .limit(bindparam("most", type_=Integer))
    )


def _was_queued_before() -> ColumnElement[bool]:
    # A time to come is from before PostgreSQL's clock was set back.
    return or_(Job.enqueued_at < ago(_SECONDS), Job.enqueued_at > func.clock_timestamp())


def record_enqueued() -> Executable:
    """Record that the jobs `ids` were enqueued now, if still QUEUED; returns their summaries."""
    wanted = Job.id == any_(_IDS)
    queued = update(Job).where(wanted, Job.status == JobStatus.QUEUED)
    return queued.values(enqueued_at=func.now()).returning(*SUMMARY)


def shorten_leases() -> Executable:
    """Give leases their length from now that were renewed in the future.

    PostgreSQL's clock was set back since, and they would last as much longer.
    """
    clock = func.clock_timestamp()
    return (
        update(Job)
        .where(
            Job.id.in_(_free_rows(Job.status == JobStatus.RUNNING, Job.lease_renewed_at > clock))
        )
        .values(
            lease_until=clock + (Job.lease_until - Job.lease_renewed_at), lease_renewed_at=clock
        )
    )


def reclaim() -> Executable:
    """Queue the jobs whose worker gave no sign of life; returns their summaries.

    Their lease has expired, or their attempt has run for longer than `attempt_s` seconds and the
    worker did not end it. A job becomes FAILED after `max_failures` consecutive failures.
    """
    given_up = Job.failures + 1 >= bindparam("max_failures", type_=Integer)
    lost = or_(
        Job.lease_until < func.clock_timestamp(),
        Job.attempt_started_at < ago(bindparam("attempt_s", type_=Float)),
    )
    return (
        change(Job.id.in_(_free_rows(Job.status == JobStatus.RUNNING, lost)))
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


def end_overdue() -> Executable:
    """End the active jobs that have lived longer than `life_s` as FAILED; returns their summaries.

    An attempt that runs loses its job.
    """
    overdue = Job.live_since < ago(bindparam("life_s", type_=Float))
    return (
        change(Job.id.in_(_free_rows(Job.status.in_(ACTIVE), overdue)))
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
    ended = _free_rows(Job.created_at < old, Job.finished_at < old, ~named)
    return delete(Job).where(
        Job.id.in_(ended.order_by(Job.created_at, Job.id).limit(bindparam("most", type_=Integer)))
    )


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


def waiting_for_quota() -> Executable:
    """Select how many athletes have a job that waits for Strava's quota."""
    return select(func.count(func.distinct(Job.athlete_id))).where(
        Job.status == JobStatus.WAITING, Job.quota_until.is_not(None)
    )


def _free_rows(*conditions: ColumnElement[bool]) -> Select[int]:
    """Select and lock the ids of rows that no other transaction has locked.

    A hung transaction then delays only its own job.
    """
    return select(Job.id).where(*conditions).with_for_update(skip_locked=True)
