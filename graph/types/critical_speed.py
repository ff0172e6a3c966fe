"""Critical speed of athletes."""

from datetime import date
from typing import Any

import strawberry
from sqlalchemy import ARRAY, Date, Double, Text, literal_column

from athletics.distance import StandardDistance
from db import models as m
from db.statements.pace import per_mile
from db.statements.page import AnySelect, Columns, of_rows
from db.statements.performance.critical_speed import critical_speeds
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Lookup
from graph.mapping.row_type import ROW_TYPES, RowType, column

_SPEED = literal_column("speed_m_per_s", Double)
_PACE = 1000 / _SPEED


@strawberry.type(
    description="The fastest speed that an athlete holds without tiring ever faster: the slope of "
    "the line through the distances of all-out efforts over their times (Hughson 1984; from "
    "training as Smyth and Muniz-Pumares 2020). `paceCurve` of the same period has the efforts."
)
class CriticalSpeed:
    """A row of `critical_speeds`."""

    meters_per_second: float = column(_SPEED, "Critical speed in meters per second.")
    pace_seconds_per_kilometer: float = column(
        _PACE, "Pace at that speed, in seconds per kilometer."
    )
    pace_seconds_per_mile: float = column(
        per_mile(_PACE), "Pace at that speed, in seconds per mile."
    )
    distance_above_meters: float = column(
        literal_column("distance_above_m", Double),
        "Distance that can be run above that speed, in meters: the line's intercept, D'.",
    )
    r_squared: float = column(
        literal_column("r_squared", Double),
        "Share of the efforts' differences that the line explains, from 0 to 1.",
    )
    standard_error_meters_per_second: float = column(
        literal_column("standard_error_m_per_s", Double),
        "Standard error of the critical speed, in meters per second.",
    )
    distances: list[StandardDistance] = column(
        literal_column("distances", ARRAY(Text)), "Distances of the efforts, shortest first."
    )
    first_day: date = column(
        literal_column("first_day", Date), "Local day of the earliest of the efforts."
    )
    last_day: date = column(
        literal_column("last_day", Date), "Local day of the latest of the efforts."
    )


ROW_TYPES["CriticalSpeed"] = RowType(CriticalSpeed, m.BestEffort)


def _build(columns: Columns, period: Any, audience: Audience, of: Expression | None) -> AnySelect:
    return of_rows(columns, critical_speeds(audience, period, of))


SPEED_OF_ATHLETE = Lookup("CriticalSpeed", m.Athlete.id, _build)
