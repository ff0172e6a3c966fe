"""Jobs: lists, and every change of a job's row.

Each change raises `version`, save a mere renewal of the lease. What a running attempt writes names the attempt
(parameter `attempt`) and hits no row once the job was taken over, cancelled or ended.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Float,
    Integer,
    String,
    Text,
    Update,
    any_,
    bindparam,
    case,
    exists,
    false,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from db.models import ACTIVE, Job, JobErrorCode, JobStatus
from db.statements.page import Collection, Ordering

_FILTERS = {
    "job_kinds": Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
    "job_statuses": Job.status == any_(bindparam("job_statuses", type_=ARRAY(Text))),
}
JOBS = Collection(Job, filters=_FILTERS)
JOBS_OF_ATHLETE = Collection(Job, parent=Job.athlete_id, filters=_FILTERS)
NEWEST = Ordering(Job.created_at, Job.id, descending=True)

RETRYABLE = (JobStatus.FAILED, JobStatus.CANCELLED)
_LEADER_LOCK = 0x70616367  # "pacg": one reconciler at a time
_LOST = "The worker disappeared; the job goes on with another."
_GIVEN_UP = "The worker disappeared too often."

_JOB_ID = bindparam("job_id", type_=BigInteger)
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_KIND = bindparam("job_kind", type_=Text)
_KEY = bindparam("key", type_=Text)
# What watchers are told of a change, what a caller needs to enqueue, and whence the job came, for the log.
_NEWS = (Job.id, Job.kind, Job.athlete_id, Job.status, Job.version, Job.request_id, Job.trace_id)


def create() -> Executable:
    """Write a job, QUEUED; returns its news, or nothing where `existing` finds the one that is in its way.

    Parameters: `athlete` (null: all athletes), `account`, `job_kind`, `job_arguments` (JSON), `key` (idempotency key,
    null for none), and, both optional, what the log is to tell of where it came from: `request_id`, `trace_id`.
    """
    return (
        insert(Job)
        .values(
            athlete_id=_ATHLETE_ID,
            account_id=bindparam("account", type_=BigInteger),
            kind=_KIND,
            arguments=bindparam("job_arguments", type_=JSONB),
            idempotency_key=_KEY,
            request_id=bindparam("request_id", value=None, type_=String),
            trace_id=bindparam("trace_id", value=None, type_=String),
            status=JobStatus.QUEUED,
            enqueued_at=func.now(),
        )
        .on_conflict_do_nothing()
        .returning(*_NEWS)
    )


def existing() -> Executable:
    """Select the job that `create` met: of the same key, ended or not, else the active one of the kind.

    Parameters as `create`'s: `athlete`, `job_kind`, `key`. Nothing: it ended in between, `create` works now.
    """
    same_key = func.coalesce(Job.idempotency_key == _KEY, False)
    active = (Job.kind == _KIND) & Job.status.in_(ACTIVE)
    return (
        select(*_NEWS)
        .where(Job.athlete_id.is_not_distinct_from(_ATHLETE_ID), or_(same_key, active))
        .order_by(same_key.desc(), Job.id.desc())
        .limit(1)
    )


CANCELLATION = {
    "error_code": JobErrorCode.CANCELLED.value,
    "error_message": "The job was cancelled.",
    "error_retryable": True,
}


def cancel() -> Executable:
    """Cancel the job `job_id`, if active: at once, or, while RUNNING, at its next checkpoint; returns its news."""
    return _cancel(Job.id == _JOB_ID)


def cancel_of_athlete() -> Executable:
    """As `cancel`, all active jobs of `athlete` of the kinds `job_kinds`."""
    return _cancel(Job.athlete_id == _ATHLETE_ID, _FILTERS["job_kinds"])


def _cancel(*conditions: ColumnElement[bool]) -> Executable:
    at_once = Job.status != JobStatus.RUNNING
    return (
        _change(*conditions, Job.status.in_(ACTIVE))
        .values(
            cancel_requested=true(),
            status=case((at_once, JobStatus.CANCELLED), else_=Job.status),
            waiting_until=null(),
            finished_at=case((at_once, func.now())),
            **{name: case((at_once, value)) for name, value in CANCELLATION.items()},
        )
        .returning(*_NEWS)
    )


def retry() -> Executable:
    """Queue `job_id` again, where it FAILED or was CANCELLED and no other of its kind is active. Returns its news.

    It goes on from its checkpoint. A job of the kind that becomes active at the same moment raises a unique violation.
    """
    other = aliased(Job)
    taken = exists().where(
        other.athlete_id.is_not_distinct_from(Job.athlete_id), other.kind == Job.kind, other.status.in_(ACTIVE)
    )
    return (
        _change(Job.id == _JOB_ID, Job.status.in_(RETRYABLE), ~taken)
        .values(
            status=JobStatus.QUEUED,
            enqueued_at=func.now(),
            finished_at=null(),
            cancel_requested=False,
            failures=0,
            error_code=null(),
            error_message=null(),
            error_retryable=null(),
        )
        .returning(*_NEWS)
    )


# --- what a worker does with a job it took


def claim() -> Executable:
    """Take `job_id` for `lease_s` seconds, if it is still QUEUED; returns the row."""
    return (
        _change(Job.id == _JOB_ID, Job.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.RUNNING,
            attempts=Job.attempts + 1,
            lease_until=_lease_end(),
            started_at=func.coalesce(Job.started_at, func.now()),
            attempt_started_at=func.now(),
            attempt_started_done=Job.progress_done,
        )
        .returning(*Job.__table__.c)
    )


def renew() -> Executable:
    """Prolong the attempt's lease by `lease_s`; returns `cancel_requested`."""
    return update(Job).where(*_held()).values(lease_until=_lease_end()).returning(Job.cancel_requested)


def hold() -> Executable:
    """Lock the row of the attempt's job; selects `cancel_requested`. Nothing: the job is not the attempt's any more."""
    return select(Job.cancel_requested).where(*_held()).with_for_update()


def advance() -> Executable:
    """Write how far the attempt came; returns `version`.

    Parameters: `state` (the checkpoint), `done`, `total`, `message`, and what is added to the counters: `created`,
    `updated`, `deleted`, `bests_changed`. `moved` forgives failures: JOB_MAX_ATTEMPTS is for those in a row.
    """
    return (
        _change(*_held())
        .values(
            checkpoint=bindparam("state", type_=JSONB),
            progress_done=bindparam("done", type_=Integer),
            progress_total=bindparam("total", type_=Integer),
            progress_message=bindparam("message", type_=Text),
            activities_created=Job.activities_created + bindparam("created", type_=Integer),
            activities_updated=Job.activities_updated + bindparam("updated", type_=Integer),
            activities_deleted=Job.activities_deleted + bindparam("deleted", type_=Integer),
            personal_bests_changed=Job.personal_bests_changed + bindparam("bests_changed", type_=Integer),
            failures=case((bindparam("moved", type_=Boolean), 0), else_=Job.failures),
        )
        .returning(Job.version)
    )


def succeed() -> Executable:
    """End the attempt's job well; returns its news."""
    return _leave(JobStatus.SUCCEEDED, finished_at=func.now())


def fail() -> Executable:
    """End the attempt's job badly; returns its news. Parameters: `code`, `text`, `retryable`."""
    return _leave(
        JobStatus.FAILED,
        finished_at=func.now(),
        failures=Job.failures + 1,
        error_code=bindparam("code", type_=Text),
        error_message=bindparam("text", type_=Text),
        error_retryable=bindparam("retryable"),
    )


def stop_cancelled() -> Executable:
    """End the attempt's job because that was asked for; returns its news."""
    return _leave(JobStatus.CANCELLED, finished_at=func.now(), **CANCELLATION)


def wait() -> Executable:
    """Let the attempt's job rest until `until`; returns its news. Parameters also: `text`, `failed` (0 or 1 failure).

    A job that somebody wants cancelled waits for nothing: it is due at once, and its next attempt ends it.
    """
    return _leave(
        JobStatus.WAITING,
        waiting_until=case((Job.cancel_requested, func.now()), else_=bindparam("until", type_=Job.waiting_until.type)),
        progress_message=bindparam("text", type_=Text),
        failures=Job.failures + bindparam("failed", type_=Integer),
    )


def give_back() -> Executable:
    """Queue the attempt's job for another worker; returns its news. No failure: the worker was told to stop."""
    return _leave(JobStatus.QUEUED, enqueued_at=func.now())


# --- what the reconciler does


def lead() -> Executable:
    """Select whether this transaction may reconcile: no other one does."""
    return select(func.pg_try_advisory_xact_lock(_LEADER_LOCK))


def take_back() -> Executable:
    """Queue the jobs whose worker gave no sign of life; FAILED is who lost `max_failures` in a row. Returns news."""
    given_up = Job.failures + 1 >= bindparam("max_failures", type_=Integer)
    return (
        _change(Job.status == JobStatus.RUNNING, Job.lease_until < func.clock_timestamp())
        .values(
            status=case((given_up, JobStatus.FAILED), else_=JobStatus.QUEUED),
            lease_until=null(),
            failures=Job.failures + 1,
            enqueued_at=func.now(),
            finished_at=case((given_up, func.now())),
            progress_message=case((given_up, Job.progress_message), else_=_LOST),
            error_code=case((given_up, JobErrorCode.INTERNAL)),
            error_message=case((given_up, _GIVEN_UP)),
            error_retryable=case((given_up, true())),
        )
        .returning(*_NEWS)
    )


def wake() -> Executable:
    """Queue the jobs that have waited long enough; returns their news."""
    return (
        _change(Job.status == JobStatus.WAITING, Job.waiting_until <= func.now())
        .values(status=JobStatus.QUEUED, waiting_until=null(), progress_message=null(), enqueued_at=func.now())
        .returning(*_NEWS)
    )


def due() -> Executable:
    """Select `id` and `athlete_id` of the jobs of the kinds `job_kinds` that `wake` would queue to be done."""
    waits = (Job.status == JobStatus.WAITING) & (Job.waiting_until <= func.now())
    return select(Job.id, Job.athlete_id).where(_FILTERS["job_kinds"], waits, Job.cancel_requested.is_(false()))


def postpone() -> Executable:
    """Let the jobs `ids` that wait do so for `seconds` more. Nobody is told: it is what they were told before."""
    wanted = Job.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
    return (
        update(Job)
        .where(wanted, Job.status == JobStatus.WAITING)
        .values(waiting_until=func.now() + _seconds("seconds"))
    )


def queued_before() -> Executable:
    """Select the ids of jobs that have been QUEUED for `seconds`: Redis may have lost them."""
    return select(Job.id).where(Job.status == JobStatus.QUEUED, Job.enqueued_at < _ago("seconds")).order_by(Job.id)


def note_enqueued() -> Executable:
    """Note that the jobs `ids` were enqueued now, those still QUEUED; returns their news."""
    wanted = Job.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
    queued = update(Job).where(wanted, Job.status == JobStatus.QUEUED)
    return queued.values(enqueued_at=func.now()).returning(*_NEWS)


def _change(*conditions: ColumnElement[bool]) -> Update:
    return update(Job).where(*conditions).values(version=Job.version + 1)


def _held() -> tuple[ColumnElement[bool], ...]:
    attempt = bindparam("attempt", type_=Integer)
    return Job.id == _JOB_ID, Job.attempts == attempt, Job.status == JobStatus.RUNNING


def _leave(status: JobStatus, **values: Any) -> Executable:
    return _change(*_held()).values(status=status, lease_until=null(), **values).returning(*_NEWS)


def _lease_end() -> ColumnElement[Any]:
    lease_s = bindparam("lease_s", type_=Float)
    # The clock, not the transaction's start: a statement that waited for a lock gives the full time all the same.
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, lease_s)


def _ago(parameter: str) -> ColumnElement[Any]:
    return func.now() - _seconds(parameter)


def _seconds(parameter: str) -> ColumnElement[Any]:
    return func.make_interval(0, 0, 0, 0, 0, 0, bindparam(parameter, type_=Float))
