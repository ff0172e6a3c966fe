"""Jobs: lists, and changes of a job's row by callers and by its worker.

Each change except the renewal of a lease raises `version`. The writes of a running attempt name it
(parameter `attempt`), and change no row once the job was reclaimed, cancelled or ended. "Summary"
is the columns of `SUMMARY`.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
    Select,
    String,
    Text,
    Update,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from db.models import ACTIVE, Job, JobErrorCode, JobKind, JobStatus
from db.statements.interval import seconds
from db.statements.page import Collection, Ordering

_FILTERS = {
    "job_kinds": Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
    "job_statuses": Job.status == any_(bindparam("job_statuses", type_=ARRAY(Text))),
}
JOBS = Collection(Job, filters=_FILTERS)
JOBS_OF_ATHLETE = Collection(Job, parent=Job.athlete_id, filters=_FILTERS)
WAITING_FOR_QUOTA = Collection(
    Job, always=(Job.status == JobStatus.WAITING) & Job.quota_until.is_not(None)
)
SOONEST = Ordering(Job.waiting_until, Job.id, descending=False)
NEWEST = Ordering(Job.created_at, Job.id, descending=True)

RETRYABLE = (JobStatus.FAILED, JobStatus.CANCELLED)


_JOB_ID = bindparam("job_id", type_=BigInteger)
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_KIND = bindparam("job_kind", type_=Text)
QUEUED_NOW: dict[str, Any] = {"enqueued_at": func.now(), "queued_at": func.now()}
# What subscribers are told of a change, what enqueueing needs, and the job's origin for the log.
SUMMARY = (Job.id, Job.kind, Job.athlete_id, Job.status, Job.version, Job.request_id, Job.trace_id)


def create() -> Executable:
    """Create a job, QUEUED; returns its summary, or nothing if another one is in its place.

    `existing` selects the other one. Parameters: `athlete` (null: all athletes), `account`,
    `job_kind`, `job_arguments` (JSON), and for the log, both optional, `request_id` and `trace_id`
    of its origin.
    """
    return (
        insert(Job)
        .values(
            athlete_id=_ATHLETE_ID,
            account_id=bindparam("account", type_=BigInteger),
            kind=_KIND,
            arguments=bindparam("job_arguments", type_=JSONB),
            request_id=bindparam("request_id", value=None, type_=String),
            trace_id=bindparam("trace_id", value=None, type_=String),
            status=JobStatus.QUEUED,
            **QUEUED_NOW,
        )
        .on_conflict_do_nothing()
        .returning(*SUMMARY)
    )


def create_of(rows: Select[*tuple[Any, ...]]) -> Executable:
    """Create a QUEUED job of each of `rows`, whose columns are named like the table's.

    Returns the summaries. Where another job is in its place, there is none.
    """
    source = rows.subquery()
    columns = {column.key: column for column in source.c}
    columns |= {"status": literal(JobStatus.QUEUED.value, Text), **QUEUED_NOW}
    return (
        insert(Job)
        .from_select(list(columns), select(*columns.values()))
        .on_conflict_do_nothing()
        .returning(*SUMMARY)
    )


def has_active(athlete_id: Any, kind: JobKind) -> ColumnElement[bool]:
    """Condition that the athlete of the column has a job of the kind that has not ended."""
    return exists().where(Job.athlete_id == athlete_id, Job.kind == kind, Job.status.in_(ACTIVE))


def existing() -> Executable:
    """Select the job that prevented `create`: the active one of the kind.

    Parameters as in `create`: `athlete`, `job_kind`. Returns nothing if that job has ended in
    between; then `create` works.
    """
    of_athlete = Job.athlete_id.is_not_distinct_from(_ATHLETE_ID)
    return select(*SUMMARY).where(of_athlete, Job.kind == _KIND, Job.status.in_(ACTIVE))


def find() -> Executable:
    """Select the summary of the job `job_id`."""
    return select(*SUMMARY).where(Job.id == _JOB_ID)


CANCELLATION = {
    "error_code": JobErrorCode.CANCELLED.value,
    "error_message": "The job was cancelled.",
    "error_retryable": True,
}


def cancel() -> Executable:
    """Cancel the job `job_id` if it is active; returns its summary.

    A RUNNING job stops at its next checkpoint, any other immediately.
    """
    statement: Executable = _cancel(Job.id == _JOB_ID)
    return statement


def cancel_of_athlete() -> Executable:
    """Cancel all active jobs of `athlete` with one of the kinds `job_kinds`, as `cancel`."""
    statement: Executable = _cancel(Job.athlete_id == _ATHLETE_ID, _FILTERS["job_kinds"])
    return statement


def make_way() -> Executable:
    """Cancel the sync of `athlete` that the server itself started, unless it runs.

    Returns its summary and `arguments`. An athlete's own sync takes its place.
    """
    idle = Job.status != JobStatus.RUNNING
    mine = (Job.athlete_id == _ATHLETE_ID, Job.kind == JobKind.STRAVA_SYNC)
    statement: Executable = _cancel(*mine, idle, Job.arguments.has_key("cause")).returning(
        Job.arguments
    )
    return statement


def _cancel(*conditions: ColumnElement[bool]) -> Any:
    at_once = Job.status != JobStatus.RUNNING
    return (
        change(*conditions, Job.status.in_(ACTIVE))
        .values(
            cancel_requested=true(),
            status=case((at_once, JobStatus.CANCELLED), else_=Job.status),
            waiting_until=null(),
            finished_at=case((at_once, func.now())),
            **{name: case((at_once, value)) for name, value in CANCELLATION.items()},
        )
        .returning(*SUMMARY)
    )


def retry() -> Executable:
    """Queue the FAILED or CANCELLED job `job_id` again; returns its summary.

    Nothing happens if another job of its kind is active. The job continues from its checkpoint. If
    a job of the kind becomes active at the same moment, the statement raises a unique violation.
    """
    other = aliased(Job)
    taken = exists().where(
        other.athlete_id.is_not_distinct_from(Job.athlete_id),
        other.kind == Job.kind,
        other.status.in_(ACTIVE),
    )
    return (
        change(Job.id == _JOB_ID, Job.status.in_(RETRYABLE), ~taken)
        .values(
            status=JobStatus.QUEUED,
            **QUEUED_NOW,
            live_since=func.now(),
            finished_at=null(),
            cancel_requested=False,
            failures=0,
            error_code=null(),
            error_message=null(),
            error_retryable=null(),
        )
        .returning(*SUMMARY)
    )


# --- by a worker, on a job that it has claimed


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


def recent_of_athlete() -> Executable:
    """Select the jobs of `athlete` under way, and those ended at or after `since`.

    Columns: `id`, `version`, `has_ended`. Oldest first; of more than `most`, the newest.
    """
    newest = (
        select(
            Job.id,
            Job.version,
            Job.created_at,
            Job.finished_at.is_not(None).label("has_ended"),
        )
        .where(
            Job.athlete_id == bindparam("athlete", type_=BigInteger),
            or_(
                Job.status.in_(ACTIVE),
                Job.finished_at >= bindparam("since", type_=DateTime(timezone=True)),
            ),
        )
        .order_by(Job.created_at.desc(), Job.id.desc())
        .limit(bindparam("most", type_=Integer))
        .subquery()
    )
    return select(newest.c.id, newest.c.version, newest.c.has_ended).order_by(
        newest.c.created_at, newest.c.id
    )


def renew() -> Executable:
    """Extend the attempt's lease by `lease_s`; returns `cancel_requested`."""
    return (
        update(Job)
        .where(*_held())
        .values(lease_until=_lease_end(), lease_renewed_at=func.clock_timestamp())
        .returning(Job.cancel_requested)
    )


def hold() -> Executable:
    """Lock the row of the attempt's job; returns `cancel_requested`.

    Returns nothing if the job no longer belongs to the attempt.
    """
    return select(Job.cancel_requested).where(*_held()).with_for_update()


def advance() -> Executable:
    """Write the attempt's progress; returns `version`.

    Parameters: `state` (the checkpoint), `done`, `total`, `message`, and the increments of the
    counters: `created`, `updated`, `deleted`, `bests_changed`. `moved` resets the count of
    failures, because JOB_MAX_ATTEMPTS limits consecutive ones. `quota_wait_s`: seconds until
    Strava's quota covers what is left; null if it does now.
    """
    return (
        change(*_held())
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


def succeed() -> Executable:
    """End the attempt's job as SUCCEEDED; returns its summary."""
    return _leave(JobStatus.SUCCEEDED, finished_at=func.now())


def fail() -> Executable:
    """End the attempt's job as FAILED; returns its summary.

    Parameters: `code`, `text`, `retryable`.
    """
    return _leave(
        JobStatus.FAILED,
        finished_at=func.now(),
        failures=Job.failures + 1,
        error_code=bindparam("code", type_=Text),
        error_message=bindparam("text", type_=Text),
        error_retryable=bindparam("retryable"),
    )


def stop_cancelled() -> Executable:
    """End the attempt's job as CANCELLED, as requested; returns its summary."""
    return _leave(JobStatus.CANCELLED, finished_at=func.now(), **CANCELLATION)


def wait() -> Executable:
    """Set the attempt's job to WAITING until `until`; returns its summary.

    Other parameters: `text`, `failed` (0 or 1, added to the failures). If cancellation was
    requested, the job is due immediately, and its next attempt ends it.
    """
    return _wait(
        bindparam("until", type_=Job.waiting_until.type),
        quota_until=null(),
        failures=Job.failures + bindparam("failed", type_=Integer),
    )


def wait_for_quota() -> Executable:
    """Set the attempt's job to WAITING for `wait_s` seconds; returns its summary.

    Other parameters and cancellation are as in `wait`; it is no failure.
    """
    until = func.now() + seconds(bindparam("wait_s", type_=Float))
    return _wait(until, quota_until=until)


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


def give_back() -> Executable:
    """Queue the attempt's job for another worker; returns its summary.

    It does not count as a failure, because the worker was told to stop.
    """
    return _leave(JobStatus.QUEUED, **QUEUED_NOW)


def change(*conditions: ColumnElement[bool]) -> Update:
    """Update jobs and raise their `version`."""
    return update(Job).where(*conditions).values(version=Job.version + 1)


def _held() -> tuple[ColumnElement[bool], ...]:
    attempt = bindparam("attempt", type_=Integer)
    return Job.id == _JOB_ID, Job.attempts == attempt, Job.status == JobStatus.RUNNING


def _leave(status: JobStatus, **values: Any) -> Executable:
    return change(*_held()).values(status=status, lease_until=null(), **values).returning(*SUMMARY)


def _lease_end() -> ColumnElement[Any]:
    lease_s = bindparam("lease_s", type_=Float)
    # The clock, not the transaction's start: the lease has its full length even if the statement
    # waited for a lock.
    return func.clock_timestamp() + seconds(lease_s)
