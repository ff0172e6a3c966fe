"""Derives the route of an activity from its positions. Pure."""

from athletics.route import RoutePoint, route_of
from db.stream_codec import Samples


def route_points(samples: Samples | None) -> list[RoutePoint]:
    """Find the points of the route; none without positions."""
    if samples is None or samples.latitude is None or samples.longitude is None:
        return []
    return route_of(samples.latitude, samples.longitude)
