"""Each night's sync of everything, of every connected athlete, at a time of the athlete's own."""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
    bindparam,
    cast,
    func,
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

_PARTS = 3_600
"""Athletes are spread over so many parts of the night, by the ids of their connections."""


@cache
def create_due_jobs() -> Executable:
    """Create this night's syncs that are due, at most `most`; returns their summaries.

    `night_start` is the start of the night, `night_s` its length in seconds. Athletes whose tokens
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
            due_at <= func.now(),
            _before(StravaConnection.night_begun_at, start),
            _before(StravaConnection.history_walked_at, start),
            or_(StravaConnection.history_complete_at.is_not(None), _has_failed()),
            StravaConnection.refused_at.is_(None),
            ~active,
        )
        .order_by(StravaConnection.id)
        .limit(bindparam("most", type_=Integer))
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
