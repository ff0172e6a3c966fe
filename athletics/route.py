"""Routes: where a run went, in few points that draw it to within 2 m.

Points are whole millionths of a degree, and places that were recorded. The earth is divided into
fixed cells of about 50 m. Each time the run passes through a cell, the points there are chosen from
what was recorded in it alone (Douglas and Peucker 1973), so that a part of a route tells nothing of
its other parts: not by a choice of points, and not by places between samples.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import cos, hypot, radians
from typing import NamedTuple

TOLERANCE_M = 2.0
MOST_POINTS = 50_000
"""A recording that takes more has no route: it is no run."""
_CELL = 450
"""Millionths of a degree of latitude: 50 m."""
_M_PER_DEGREE = 111_320.0
_WHOLE = 1_000_000
_AROUND = 360 * _WHOLE


class RoutePoint(NamedTuple):
    """A place in millionths of a degree, and the first sample there, counted from 0."""

    latitude: int
    longitude: int
    sample: int


def route_of(
    latitude: Sequence[float | None], longitude: Sequence[float | None]
) -> list[RoutePoint]:
    """The points of a route in order; empty for fewer than two places.

    Samples without a position are left out.
    """
    known = [
        RoutePoint(round(north * _WHOLE), round(east * _WHOLE), sample)
        for sample, (north, east) in enumerate(zip(latitude, longitude, strict=True))
        if north is not None and east is not None
    ]
    places = known[:1] + [place for before, place in pairwise(known) if place[:2] != before[:2]]
    cells = _Cells()
    points = [point for _, passage in groupby(places, cells.of) for point in _drawn(list(passage))]
    return points if 1 < len(points) <= MOST_POINTS else []


class _Cells:
    """The cells that places are in; their width is computed once a row."""

    def __init__(self) -> None:
        self._widths: dict[int, int] = {}

    def of(self, place: RoutePoint) -> tuple[int, int]:
        row = place[0] // _CELL
        width = self._widths.get(row)
        if width is None:
            width = self._widths[row] = round(_CELL / _narrow(row * _CELL))
        return row, place[1] // width


def _drawn(places: list[RoutePoint]) -> Iterator[RoutePoint]:
    """The first, the last, and those farther than the tolerance from lines between them."""
    last = len(places) - 1
    kept = {0, last}
    waiting = [(0, last)]
    while waiting:
        start, end = waiting.pop()
        index, off_m = _farthest(places, start, end)
        if off_m > TOLERANCE_M:
            kept.add(index)
            waiting += [(start, index), (index, end)]
    return (places[index] for index in sorted(kept))


def _farthest(places: list[RoutePoint], first: int, last: int) -> tuple[int, float]:
    """The place between two that is farthest from their line, and how far, in meters."""
    if last - first < 2:  # noqa: PLR2004 - no place between them
        return first, 0.0
    north, east, _ = places[first]
    scale = _M_PER_DEGREE / _WHOLE
    narrow = scale * _narrow(north)
    end_y = (places[last][0] - north) * scale
    end_x = _short_way(places[last][1] - east) * narrow
    squared = end_x * end_x + end_y * end_y
    found, most = first, 0.0
    for index in range(first + 1, last):
        latitude, longitude, _ = places[index]
        y = (latitude - north) * scale
        x = _short_way(longitude - east) * narrow
        share = (x * end_x + y * end_y) / squared if squared else 0.0
        share = 0.0 if share < 0.0 else min(share, 1.0)
        off_m = hypot(x - share * end_x, y - share * end_y)
        if off_m > most:
            found, most = index, off_m
    return found, most


def _narrow(latitude: int) -> float:
    """The length of a degree of longitude, as a share of one at the equator."""
    return max(0.01, cos(radians(latitude / _WHOLE)))


def _short_way(difference: int) -> int:
    """A difference of longitudes the short way, also over the date line."""
    return (difference + _AROUND * 3 // 2) % _AROUND - _AROUND // 2
