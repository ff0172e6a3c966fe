"""Heart rate zones of athletes, and the time in each."""

from datetime import date
from typing import Annotated, Any

import strawberry
from sqlalchemy import Double, Integer, literal_column

from db import models as m
from db.statements.page import AnySelect, Columns
from db.statements.performance import heart_rate as statements
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Arguments, Lookup
from graph.mapping.row_type import ROW_TYPES, RowType, column, row_type
from graph.types.days import FromDay, UntilDay, day_values


@row_type(m.HeartRateZone, "A heart rate zone of an athlete.")
class HeartRateZone:
    """A zone's row."""

    number: int = column(m.HeartRateZone.zone_number, "Number of the zone. The first is 1.")
    lowest_beats_per_minute: int = column(
        m.HeartRateZone.lowest_bpm, "Lowest heart rate in it, in beats per minute."
    )
    below_beats_per_minute: int | None = column(
        statements.below_bpm,
        "Heart rate at which the next zone begins, in beats per minute. Null for the highest zone.",
    )
    valid_from: date = column(
        m.HeartRateZone.valid_from,
        "First local day on which it holds. 1900-01-01 for the first that Strava told.",
    )
    is_from_strava: bool = column(
        m.HeartRateZone.from_strava,
        "Whether Strava told it. Such zones hold on days before all that the athlete set here.",
    )


@strawberry.type(description="Time in one of the athlete's heart rate zones.")
class HeartRateZoneTime:
    """A row of `time_of_activities` or `time_of_athletes`."""

    number: int = column(literal_column("number", Integer), "Number of the zone. The first is 1.")
    seconds: float = column(literal_column("seconds", Double), "Time in it, in seconds.")


ROW_TYPES["HeartRateZoneTime"] = RowType(HeartRateZoneTime, m.Activity)


def _zones(columns: Columns, has_day: Any, audience: Audience, of: Expression | None) -> AnySelect:
    return statements.zones(columns, audience, has_day=bool(has_day), of=of)


def _of_activity(_: Columns, __: Any, audience: Audience, of: Expression | None) -> AnySelect:
    return statements.time_of_activities(audience, of=of)


def _of_athlete(_: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
    has_from, has_until = shape
    return statements.time_of_athletes(audience, has_from=has_from, has_until=has_until, of=of)


ZONES_OF_ATHLETE = Lookup("HeartRateZone", m.Athlete.id, _zones, many=True)
TIME_OF_ACTIVITY = Lookup(
    "HeartRateZoneTime", m.Activity.id, _of_activity, many=True, athlete=m.Activity.athlete_id
)
TIME_OF_ATHLETE = Lookup("HeartRateZoneTime", m.Athlete.id, _of_athlete, many=True)


def read_zones(
    on: Annotated[
        date | None, strawberry.argument(description="Day on which they hold. Default: today, UTC.")
    ] = None,
) -> Arguments:
    """Read the arguments of an athlete's zones."""
    return Arguments(on is not None, () if on is None else (("on_day", on),))


def read_time_in_zones(
    from_: FromDay = None,
    until: UntilDay = None,
) -> Arguments:
    """Read the arguments of the time in zones over a period."""
    return Arguments((from_ is not None, until is not None), day_values(from_, until))
