"""Each night's sync of everything, of every connected athlete, at a time of the athlete's own."""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
    Interval,
    and_,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    update,
)

from db.models import Job, JobKind, JobStatus, StravaConnection
from db.statements.interval import seconds
from db.statements.jobs.job import create_syncs, has_active
from db.statements.strava.sync_problem import FOR_PROBLEMS

FOR_NIGHT = {"mode": "FULL", "cause": "nightly"}
"""Arguments of such a sync."""

_DAY = literal(timedelta(days=1), Interval)
_PARTS = 3_600
"""Athletes are spread over so many parts of the night, by the ids of their connections."""


@cache
def create_due_jobs() -> Executable:
    """Create this night's syncs that are due; returns their summaries.

    At most `most` are under way, or wait for quota or a turn. Of those that are due, the athletes come
    first whose history was read the longest ago: what one night's quota does not reach, the next
    night begins with, at once. `night_start` is the start of the night, `night_s` its length in seconds. Athletes whose tokens
    Strava refuses, who did not ask for a first import yet, or whose history was read since the
    start of the night, have none; those with a sync under way have theirs afterwards. It also takes
    up a first import that failed, as in an outage of Strava's.
    """
    start = bindparam("night_start", type_=DateTime(timezone=True))
    part = cast(StravaConnection.id % _PARTS, Float) / _PARTS
    due_at = start + seconds(cast(part * bindparam("night_s", type_=Float), Float))
    active = has_active(StravaConnection.athlete_id, JobKind.STRAVA_SYNC)
    due = (
        select(StravaConnection.id)
        .where(
            start <= func.now(),  # who asks may have a clock that is ahead
            or_(due_at <= func.now(), _was_left_out_of_last(start)),
            _before(StravaConnection.night_begun_at, start),
            _before(StravaConnection.history_walked_at, start),
            or_(StravaConnection.history_complete_at.is_not(None), _has_failed()),
            StravaConnection.refused_at.is_(None),
            ~active,
        )
        .order_by(StravaConnection.history_walked_at.asc().nulls_first(), StravaConnection.id)
        .limit(func.greatest(0, bindparam("most", type_=Integer) - _under_way()))
        .with_for_update(skip_locked=True)
    )
    begun = (
        update(StravaConnection)
        .where(StravaConnection.id.in_(due))
        .values(night_begun_at=func.now())
        .returning(StravaConnection.athlete_id)
        .cte("begun")
    )
    return create_syncs(begun.c.athlete_id, FOR_NIGHT)


def begin_again() -> Executable:
    """Let this night's sync of `athlete` be created again: another one took its place."""
    return (
        update(StravaConnection)
        .where(StravaConnection.athlete_id == bindparam("athlete", type_=BigInteger))
        .values(night_begun_at=null())
    )


def _was_left_out_of_last(night_start: ColumnElement[Any]) -> ColumnElement[bool]:
    return StravaConnection.history_walked_at < night_start - _DAY


def _under_way() -> ColumnElement[int]:
    """Count the nights' syncs that have not ended, but for those that wait for something else."""
    goes_on = or_(
        Job.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        and_(Job.status == JobStatus.WAITING, Job.quota_until.is_not(None)),
    )
    return (
        select(func.count())
        .where(
            Job.kind == JobKind.STRAVA_SYNC,
            Job.arguments["cause"].astext == FOR_NIGHT["cause"],
            goes_on,
        )
        .scalar_subquery()
    )


def _has_failed() -> ColumnElement[bool]:
    """Whether the athlete's last sync of everything failed; one that was cancelled stays so.

    Syncs of one activity, of some days, or of what earlier ones could not have do not count.
    """
    bounds = (Job.arguments[name].astext for name in ("activity_id", "since", "until"))
    last = (
        select(Job.status)
        .where(
            Job.athlete_id == StravaConnection.athlete_id,
            Job.kind == JobKind.STRAVA_SYNC,
            func.coalesce(*bounds).is_(None),
            Job.arguments["cause"].astext.is_distinct_from(FOR_PROBLEMS["cause"]),
        )
        .order_by(Job.created_at.desc(), Job.id.desc())
        .limit(1)
        .correlate(StravaConnection)
        .scalar_subquery()
    )
    return last == JobStatus.FAILED.value


def _before(moment: Any, start: Any) -> ColumnElement[bool]:
    return or_(moment.is_(None), moment < start)
