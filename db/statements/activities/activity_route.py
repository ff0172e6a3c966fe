"""Routes of activities, and what of them others see.

Functions of migration 0024 cut and write a route. What is cut off is decided for each answer by the
athlete's hidden radius, so that a change of it holds at once, for all runs.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Executable,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    update,
)

from db.models import ActivityRoute, Athlete

_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_DIGITS = bindparam("precision", type_=Integer)
SOUTH, WEST, NORTH, EAST = 1, 2, 3, 4
"""Places in `bounds`."""


def lines(*, to_others: bool = False) -> ColumnElement[Any]:
    """The parts of a route as encoded polylines, with `precision` digits after the point."""
    return func.route_lines(*_shown(to_others=to_others), _DIGITS, type_=ARRAY(Text))


def geo_json(*, to_others: bool = False) -> ColumnElement[Any]:
    """The parts of a route as GeoJSON, a MultiLineString, with `precision` digits."""
    return func.route_geo_json(*_shown(to_others=to_others), _DIGITS, type_=Text)


def bound(place: int, *, to_others: bool = False) -> ColumnElement[Any]:
    """One side of the least box around the parts of a route, in degrees; NULL without any part."""
    bounds = func.route_bounds(*_shown(to_others=to_others), type_=ARRAY(Double))
    return cast(bounds[place], Double)


def _shown(*, to_others: bool) -> tuple[Any, ...]:
    """The points, and the radius around both ends within which nothing is shown."""
    radius: Any = literal_column("0", Integer)
    if to_others:
        radius = (
            select(Athlete.hidden_radius_m)
            .where(Athlete.id == ActivityRoute.athlete_id)
            .correlate(ActivityRoute)
            .scalar_subquery()
        )
    return ActivityRoute.latitudes, ActivityRoute.longitudes, radius


def forget_samples() -> Executable:
    """Forget which samples the points of the route of `activity` are: others see no streams then.

    The route is never applied to samples that it was not made of.
    """
    return (
        update(ActivityRoute)
        .where(ActivityRoute.activity_id == _ACTIVITY_ID)
        .values(samples=null())
    )
