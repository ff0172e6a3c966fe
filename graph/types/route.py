"""Routes of activities."""

from typing import Annotated, Any

import strawberry

from db import models as m
from db.statements.activities import activity_route as statements
from graph.errors import OutOfRange
from graph.mapping.relation import Arguments, Lookup, rows_by
from graph.mapping.row_type import column, embedded, row_type

_LEAST_PRECISION, _MOST_PRECISION = 4, 6


def _bound(place: int, description: str) -> Any:
    return column(
        lambda: statements.bound(place),
        description,
        to_others=lambda: statements.bound(place, to_others=True),
    )


@strawberry.type(
    description="The least box around a route. Over the date line, `west` or `east` is beyond 180 "
    "degrees."
)
class RouteBounds:
    """The sides of a box."""

    south: float = _bound(statements.SOUTH, "Degrees north.")
    west: float = _bound(statements.WEST, "Degrees east.")
    north: float = _bound(statements.NORTH, "Degrees north.")
    east: float = _bound(statements.EAST, "Degrees east.")


@row_type(
    m.ActivityRoute,
    "Where an activity went. Others than the athlete and administrators do not see what is near "
    "its start and end, so for them it may be in several parts, or in none.",
)
class Route:
    """A route's row."""

    polylines: list[str] = column(
        statements.lines,
        "Encoded polylines, one for each part. Decode them with the chosen precision.",
        to_others=lambda: statements.lines(to_others=True),
        is_long=True,
    )
    geo_json: str = column(
        statements.geo_json,
        "GeoJSON as text: a MultiLineString with a line for each part.",
        to_others=lambda: statements.geo_json(to_others=True),
        is_long=True,
    )
    bounds: RouteBounds | None = embedded(
        RouteBounds,
        "The least box around the parts. Null if there are none.",
        present=statements.bound(statements.SOUTH),
        present_to_others=lambda: statements.bound(statements.SOUTH, to_others=True),
    )


ROUTE_OF_ACTIVITY = Lookup(
    "Route", m.Activity.id, rows_by(m.ActivityRoute, m.ActivityRoute.activity_id)
)


def read_route(
    precision: Annotated[
        int, strawberry.argument(description="Digits after the point of a degree. 4 to 6.")
    ] = 5,
) -> Arguments:
    """Read the arguments of a route. Raises OutOfRange."""
    if not _LEAST_PRECISION <= precision <= _MOST_PRECISION:
        raise OutOfRange("precision", _LEAST_PRECISION, _MOST_PRECISION)
    return Arguments(None, (("precision", precision),))
