"""Jobs: lists, and changes of a job's row by callers.

Workers' changes are in `job_lease.py` and `job_attempt.py`, the reconciler's in `job_lease.py`,
`job_queue.py` and `job_lifetime.py`. Each change except the renewal of a lease raises `version`.
"Summary" is the columns of `SUMMARY`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    Select,
    String,
    Text,
    Update,
    all_,
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

from db.models import ACTIVE, NOT_SUCCEEDED, Job, JobErrorCode, JobKind, JobStatus
from db.statements.ordering import Ordering
from db.statements.page import Collection

_FILTERS = {
    "job_kinds": Job.kind == any_(bindparam("job_kinds", type_=ARRAY(Text))),
    "job_statuses": Job.status == any_(bindparam("job_statuses", type_=ARRAY(Text))),
    # A single one is a constant, so that PostgreSQL knows how common it is when it plans.
    **{f"job_kind_{each.value}": Job.kind == each for each in JobKind},
    **{f"job_status_{each.value}": Job.status == each for each in JobStatus},
}
JOBS = Collection(Job, filters=_FILTERS)
JOBS_OF_ATHLETE = Collection(Job, parent=Job.athlete_id, filters=_FILTERS)
WAITING_FOR_QUOTA = Collection(
    Job, always=(Job.status == JobStatus.WAITING) & Job.quota_until.is_not(None)
)
SOONEST = Ordering(Job.waiting_until, Job.id, descending=False)
NEWEST = Ordering(Job.created_at, Job.id, descending=True)

RETRYABLE = NOT_SUCCEEDED


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


def create_syncs(athlete_id: ColumnElement[int], arguments: Mapping[str, Any]) -> Executable:
    """Create a sync with `arguments` of each athlete in the column, as `create_of`."""
    return create_of(
        select(
            athlete_id.label("athlete_id"),
            literal(JobKind.STRAVA_SYNC.value, Text).label("kind"),
            literal(arguments, JSONB).label("arguments"),
        )
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


def arguments() -> Executable:
    """Select the arguments of the job `job_id`."""
    return select(Job.arguments).where(Job.id == _JOB_ID)


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


ENDED_BY_ERASURE = "The job ended because the athlete's data was deleted."


def cancel_of_athlete() -> Executable:
    """Cancel all active jobs of `athlete` with one of the kinds `job_kinds`, but `spared`, as `cancel`.

    With `is_erased`, those that do not run say why; `job_attempt.stop_cancelled` says it of others.
    """
    others = Job.id != all_(bindparam("spared", type_=ARRAY(BigInteger)))
    is_erased = bindparam("is_erased", type_=Boolean)
    message = case((is_erased, ENDED_BY_ERASURE), else_=CANCELLATION["error_message"])
    of_athlete = (Job.athlete_id == _ATHLETE_ID, _FILTERS["job_kinds"])
    statement: Executable = _cancel(*of_athlete, others, error_message=message)
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


def _cancel(*conditions: ColumnElement[bool], **error: ColumnElement[str]) -> Any:
    at_once = Job.status != JobStatus.RUNNING
    return (
        change(*conditions, Job.status.in_(ACTIVE))
        .values(
            cancel_requested=true(),
            status=case((at_once, JobStatus.CANCELLED), else_=Job.status),
            waiting_until=null(),
            finished_at=case((at_once, func.now())),
            **{name: case((at_once, value)) for name, value in (CANCELLATION | error).items()},
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


def ask_anew() -> Executable:
    """Take the job of `athlete` of the kind `job_kind` for one that is asked for now, unless it runs.

    Whatever it was made for before, it has no arguments then.
    """
    waits = Job.status.in_((JobStatus.QUEUED, JobStatus.WAITING))
    return change(Job.athlete_id == _ATHLETE_ID, Job.kind == _KIND, waits).values(
        live_since=func.now(), arguments=literal({}, JSONB)
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


def change(*conditions: ColumnElement[bool]) -> Update:
    """Update jobs and raise their `version`."""
    return update(Job).where(*conditions).values(version=Job.version + 1)


def free_rows(*conditions: ColumnElement[bool]) -> Select[int]:
    """Select and lock the ids of rows that no other transaction has locked.

    A hung transaction then delays only its own job.
    """
    return select(Job.id).where(*conditions).with_for_update(skip_locked=True)
