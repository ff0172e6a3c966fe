"""How long activities of a source are kept after it last confirmed them."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Text,
    any_,
    bindparam,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from db.models import ACTIVE, Activity, ActivitySource, Job, JobKind, StravaConnection
from db.statements.activities.activity_deletion import delete_where
from db.statements.interval import ago
from db.statements.jobs.job import create_of

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_OF_STRAVA = Activity.source == ActivitySource.STRAVA.value
_DAY_S = 86_400.0
FOR_RETENTION = {"mode": "FULL", "cause": "retention"}
"""Arguments of a sync that confirms what is kept."""


def confirm() -> Executable:
    """Record that Strava listed `strava_ids` of `athlete` now; at most once a day."""
    return (
        update(Activity)
        .where(
            Activity.athlete_id == _ATHLETE_ID,
            Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
            Activity.confirmed_at < ago(_DAY_S),
        )
        .values(confirmed_at=func.now())
    )


@cache
def create_refreshing_jobs() -> Executable:
    """Create full syncs of athletes with activities unconfirmed for `refreshed_s`; summaries.

    Not where Strava refuses the connection, where a sync is active, nor where a full one was
    created in the last day: Strava may be away, or its quota used up.
    """
    due = exists().where(
        Activity.athlete_id == StravaConnection.athlete_id,
        _OF_STRAVA,
        Activity.confirmed_at < ago(bindparam("refreshed_s", type_=Float)),
    )
    sync = exists().where(
        Job.athlete_id == StravaConnection.athlete_id,
        Job.kind == JobKind.STRAVA_SYNC.value,
        Job.status.in_(ACTIVE) | (_is_full() & (Job.created_at > ago(_DAY_S))),
    )
    rows = (
        select(
            StravaConnection.athlete_id,
            literal(JobKind.STRAVA_SYNC.value, Text).label("kind"),
            literal(FOR_RETENTION, JSONB).label("arguments"),
        )
        .where(StravaConnection.refused_at.is_(None), due, ~sync)
        .order_by(StravaConnection.athlete_id)
        .limit(bindparam("most", type_=Integer))
    )
    return create_of(rows)


def athletes_due() -> Executable:
    """Select at most `most` athletes with activities unconfirmed for `kept_s`, in order of id.

    They are those of the `looked_at` activities that were confirmed first, with how many of these
    each has: however many are due, no more are read.
    """
    first = (
        select(Activity.athlete_id)
        .where(*_due())
        .order_by(Activity.confirmed_at)
        .limit(bindparam("looked_at", type_=Integer))
        .subquery()
    )
    return (
        select(first.c.athlete_id, func.count().label("activities"))
        .group_by(first.c.athlete_id)
        .order_by(first.c.athlete_id)
        .limit(bindparam("most", type_=Integer))
    )


def delete_due() -> Executable:
    """Delete what Strava has not confirmed for `kept_s` of `athlete`, as `delete_where`."""
    return delete_where(Activity.athlete_id == _ATHLETE_ID, *_due())


def _due() -> tuple[ColumnElement[bool], ...]:
    return _OF_STRAVA, Activity.confirmed_at < ago(bindparam("kept_s", type_=Float))


def _is_full() -> ColumnElement[bool]:
    is_full: ColumnElement[bool] = Job.arguments["mode"].astext == "FULL"
    return is_full
