"""What efforts let expect over other distances, as `athletics/race_prediction.py` says."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    values,
)
from sqlalchemy.dialects.postgresql import distinct_on

from athletics import race_prediction as rules
from athletics.distance import MILE_M, StandardDistance
from athletics.race_prediction import PredictionMethod
from db.statements.number import number
from db.statements.page import PARENT, AnySelect
from db.statements.performance.fastest_effort import EffortPeriod, fastest
from db.statements.visibility import Audience, Expression


def predictions(
    method: PredictionMethod,
    audience: Audience,
    period: EffortPeriod,
    *,
    has_distances: bool,
    of: Expression | None = None,
) -> AnySelect:
    """Select what each athlete may run over each distance, shortest first.

    Columns: `distance`, `meters`, `method`, `seconds`, and `effort_id`, the effort that promises
    most; of equal ones the shortest. Parameters: `distances` if given, and the period's.
    """
    effort = fastest(audience, period, of)
    target = _targets()
    if method is PredictionMethod.CAMERON:
        seconds, is_covered = _cameron(effort.c, target.c.meters)
    else:
        seconds, is_covered = _riegel(effort.c, target.c.meters)
    longer = func.greatest(effort.c.distance_m, target.c.meters)
    shorter = func.least(effort.c.distance_m, target.c.meters)
    promised = (
        select(
            effort.c.athlete_id.label(PARENT),
            target.c.distance,
            target.c.meters,
            seconds.label("seconds"),
            effort.c.id.label("effort_id"),
            literal_column(f"'{method.value}'", Text).label("method"),
        )
        .ext(distinct_on(effort.c.athlete_id, target.c.meters))
        .where(longer <= shorter * number(rules.MOST_RATIO), is_covered)
        .order_by(
            effort.c.athlete_id, target.c.meters, literal_column("seconds"), effort.c.distance_m
        )
    )
    if has_distances:
        wanted = bindparam("distances", type_=ARRAY(Text))
        promised = promised.where(target.c.distance == any_(wanted))
    return promised


def _riegel(effort: Any, meters: Any) -> tuple[ColumnElement[float], ColumnElement[bool]]:
    """The time, and whether the rule covers it."""
    growth = func.power(meters / effort.distance_m, number(rules.RIEGEL_EXPONENT), type_=Double)
    seconds = effort.elapsed_s * growth
    return seconds, (func.least(effort.elapsed_s, seconds) >= number(rules.RIEGEL_SHORTEST_S)) & (
        func.greatest(effort.elapsed_s, seconds) <= number(rules.RIEGEL_LONGEST_S)
    )


def _cameron(effort: Any, meters: Any) -> tuple[ColumnElement[float], ColumnElement[bool]]:
    """The time, and whether the rule covers it."""
    slower = _cameron_speed(effort.distance_m) / _cameron_speed(meters)
    seconds = effort.elapsed_s / effort.distance_m * meters * slower
    return seconds, (func.least(effort.distance_m, meters) >= number(rules.CAMERON_SHORTEST_M)) & (
        func.greatest(effort.distance_m, meters) <= number(rules.CAMERON_LONGEST_M)
    )


def _cameron_speed(meters: Any) -> ColumnElement[float]:
    miles = meters / number(MILE_M)
    power = func.power(miles, number(rules.CAMERON_EXPONENT), type_=Double)
    speed: ColumnElement[float] = (
        number(rules.CAMERON_CONSTANT)
        - number(rules.CAMERON_SLOPE) * miles
        + number(rules.CAMERON_FACTOR) / power
    )
    return speed


def _targets() -> Any:
    rows = [(distance.value, distance.meters) for distance in StandardDistance]
    columns = (column("distance", Text), column("meters", Double))
    listed = values(*columns, name="listed", literal_binds=True).data(rows)
    # Written out they are decimal numbers to PostgreSQL.
    meters = cast(listed.c.meters, Double).label("meters")
    return select(listed.c.distance, meters).subquery("target")
