"""Derives the route of an activity from its positions, and writes it."""

from typing import Any

from sqlalchemy import Connection

from athletics.route import route_of
from db.statements import activity_route
from db.stream_codec import Samples


def write_route(connection: Connection, activity: Any, samples: Samples | None) -> None:
    """Replace the route of an activity, a row with `id` and `athlete_id`.

    Without positions it has none.
    """
    points = []
    if samples is not None and samples.latitude is not None and samples.longitude is not None:
        points = route_of(samples.latitude, samples.longitude)
    if not points:
        connection.execute(activity_route.discard(), {"activity": activity.id})
        return
    values = {
        "activity": activity.id,
        "athlete": activity.athlete_id,
        "new_latitudes": [latitude for latitude, _ in points],
        "new_longitudes": [longitude for _, longitude in points],
    }
    connection.execute(activity_route.store(), values)
