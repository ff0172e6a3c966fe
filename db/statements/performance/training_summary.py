"""Totals of an athlete's runs by period."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Double,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity
from db.statements.activities.activity import IS_RUN, STANDS, since_day, until_day
from db.statements.page import PARENT, AnySelect, all_of, matches
from db.statements.visibility import (
    Audience,
    Expression,
    Seen,
    for_audience,
    parts_of,
    visible,
)

_SUMMABLE = 1e290
"""Beyond every real value, and so far below the type's end that no sum of rows reaches it."""


def summed(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[float]:
    """Sum a column of doubles without overflow."""
    return func.sum(cast(case((column > _SUMMABLE, _SUMMABLE), else_=column), Double))


def training_summaries(
    unit: str, audience: Audience, *, has_from: bool, has_until: bool, of: Expression | None = None
) -> AnySelect:
    """Sum up each athlete's runs by week (from Monday), month or year, newest first.

    The athletes are `keys`, or `of`. `unit` is a field of date_trunc. Days are in the athlete's
    local time; a run recorded twice counts once. Parameters: `keys`, `day_from` and `day_until`
    (inclusive) if given, and the viewer's.
    """
    parts = [
        _summaries(unit, part, of, has_from=has_from, has_until=has_until)
        for part in parts_of(Activity, audience)
    ]
    return all_of(parts).order_by(literal_column("period_start").desc())


def _summaries(
    unit: str, part: Seen, of: Expression | None, *, has_from: bool, has_until: bool
) -> AnySelect:
    period = cast(func.date_trunc(unit, Activity.started_at_local), Date).label("period_start")
    statement: AnySelect = (
        select(
            Activity.athlete_id.label(PARENT),
            period,
            func.count().label("run_count"),
            summed(Activity.distance_m).label("distance_meters"),
            summed(Activity.moving_time_s).label("moving_time_seconds"),
            summed(Activity.elapsed_time_s).label("elapsed_time_seconds"),
            func.coalesce(summed(Activity.elevation_gain_m), 0.0).label("elevation_gain_meters"),
            func.max(Activity.distance_m).label("longest_run_meters"),
        )
        .where(
            matches(Activity.athlete_id, of),
            IS_RUN,
            for_audience(STANDS, part),
            visible(Activity, part),
        )
        .group_by(Activity.athlete_id, literal_column("period_start"))
    )
    if has_from:
        statement = statement.where(since_day(bindparam("day_from", type_=Date)))
    if has_until:
        statement = statement.where(until_day(bindparam("day_until", type_=Date)))
    return statement
