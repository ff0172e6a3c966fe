"""Critical speed of athletes, as `athletics/critical_speed.py` says."""

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Double,
    Integer,
    Text,
    any_,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, array
from sqlalchemy.orm import aliased

from athletics import critical_speed as rules
from db.models import Activity
from db.statements.number import number
from db.statements.page import PARENT, AnySelect
from db.statements.performance.fastest_effort import EffortPeriod, fastest
from db.statements.visibility import Audience, Expression


def critical_speeds(
    audience: Audience, period: EffortPeriod, of: Expression | None = None
) -> AnySelect:
    """Select the line through each athlete's fastest efforts; no row where there is none.

    Columns: `speed_m_per_s`, `distance_above_m`, `r_squared`, `standard_error_m_per_s`, the
    `distances` of the efforts, shortest first, and the `first_day` and `last_day` of their runs.
    """
    effort = fastest(audience, period, of)
    meters = cast(effort.c.distance_m, Double)
    line = (meters, cast(effort.c.elapsed_s, Double))
    slope, intercept = _of_line("slope", *line), _of_line("intercept", *line)
    spread_y, spread_x = _of_line("syy", *line), _of_line("sxx", *line)
    unexplained = func.greatest(spread_y - slope * _of_line("sxy", *line), number(0), type_=Double)
    run = aliased(Activity)
    started = select(run.started_at_local).where(run.id == effort.c.activity_id).scalar_subquery()
    day = cast(started, Date)
    shortest_first = aggregate_order_by(effort.c.distance, meters)
    return (
        select(
            effort.c.athlete_id.label(PARENT),
            slope.label("speed_m_per_s"),
            intercept.label("distance_above_m"),
            (number(1) - unexplained / spread_y).label("r_squared"),
            func.sqrt(
                unexplained / (func.count() - literal_column("2", Integer)) / spread_x, type_=Double
            ).label("standard_error_m_per_s"),
            func.array_agg(shortest_first, type_=ARRAY(Text)).label("distances"),
            func.min(day).label("first_day"),
            func.max(day).label("last_day"),
        )
        .where(effort.c.distance == any_(array([each.value for each in rules.DISTANCES])))
        .group_by(effort.c.athlete_id)
        .having(
            func.count() >= literal_column(str(rules.LEAST_EFFORTS)),
            func.min(meters) <= number(rules.SHORT_M),
            func.max(meters) >= number(rules.LONG_M),
            slope > number(0),
            intercept > number(0),
        )
    )


def _of_line(name: str, y: ColumnElement[float], x: ColumnElement[float]) -> ColumnElement[float]:
    """What PostgreSQL's aggregates tell of the line by least squares."""
    found: ColumnElement[float] = getattr(func, f"regr_{name}")(y, x, type_=Double)
    return found
