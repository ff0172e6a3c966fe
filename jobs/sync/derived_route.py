"""Derives the route of an activity from its positions, and writes it."""

from typing import Any

from sqlalchemy import Connection

from athletics.route import RoutePoint, route_of
from db.statements import activity_route
from db.stream_codec import Samples


def route_points(samples: Samples | None) -> list[RoutePoint]:
    """Find the points of the route; none without positions."""
    if samples is None or samples.latitude is None or samples.longitude is None:
        return []
    return route_of(samples.latitude, samples.longitude)


def write_route(connection: Connection, activity: Any, samples: Samples | None) -> None:
    """Replace the route of an activity, a row with `id` and `athlete_id`.

    Without positions it has none.
    """
    points = route_points(samples)
    if not points:
        connection.execute(activity_route.discard(), {"activity": activity.id})
        return
    values = {
        "activity": activity.id,
        "athlete": activity.athlete_id,
        "new_latitudes": [point.latitude for point in points],
        "new_longitudes": [point.longitude for point in points],
        "new_samples": [point.sample for point in points],
    }
    connection.execute(activity_route.store(), values)
