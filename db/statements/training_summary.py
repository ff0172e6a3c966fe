"""Sums of an athlete's runs by period."""

from sqlalchemy import Date, bindparam, cast, func, literal_column, select

from db.models import Activity
from db.statements.activity import IS_RUN, STANDS
from db.statements.page import PARENT, AnySelect, matches
from db.statements.visibility import Audience, Expression, visible


def training_summaries(
    unit: str, audience: Audience, *, has_from: bool, has_until: bool, of: Expression | None = None
) -> AnySelect:
    """Sum up the runs of each athlete in `keys`, or of `of`, by week (from Monday), month or year, newest first.

    `unit` is a field of date_trunc. Days are those at the athlete's place; a run recorded twice is counted once.
    Parameters: `keys`, `day_from` and `day_until` (inclusive) where given, the viewer's.
    """
    started_on = cast(Activity.started_at_local, Date)
    period = cast(func.date_trunc(unit, Activity.started_at_local), Date).label("period_start")
    statement: AnySelect = (
        select(
            Activity.athlete_id.label(PARENT),
            period,
            func.count().label("run_count"),
            func.sum(Activity.distance_m).label("distance_meters"),
            func.sum(Activity.moving_time_s).label("moving_time_seconds"),
            func.sum(Activity.elapsed_time_s).label("elapsed_time_seconds"),
            func.coalesce(func.sum(Activity.elevation_gain_m), 0.0).label("elevation_gain_meters"),
            func.max(Activity.distance_m).label("longest_run_meters"),
        )
        .where(
            matches(Activity.athlete_id, of),
            IS_RUN,
            STANDS.of(audience),
            visible(Activity, audience),
        )
        .group_by(Activity.athlete_id, literal_column("period_start"))
        .order_by(literal_column("period_start").desc())
    )
    if has_from:
        statement = statement.where(started_on >= bindparam("day_from", type_=Date))
    if has_until:
        statement = statement.where(started_on <= bindparam("day_until", type_=Date))
    return statement
