"""Derives the route of an activity from its positions. Pure."""

from athletics.route import NO_ROUTE, RouteColumns, route_of
from db.stream_codec import Samples


def route_points(samples: Samples | None) -> RouteColumns:
    """Find the points of the route; none without positions."""
    if samples is None or samples.latitude is None or samples.longitude is None:
        return NO_ROUTE
    return route_of(samples.latitude, samples.longitude)
