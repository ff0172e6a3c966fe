"""Routes: where a run went, in few points that draw it to within 2 m.

Points are whole millionths of a degree, and places that were recorded. The earth is divided into
fixed cells of about 50 m. Each time the run passes through a cell, the points there are chosen from
what was recorded in it alone (Douglas and Peucker 1973), so that a part of a route tells nothing of
its other parts: not by a choice of points, and not by places between samples.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from math import cos, radians
from operator import mul, ne, or_
from typing import NamedTuple

TOLERANCE_M = 2.0
MOST_POINTS = 50_000
"""A recording that takes more has no route: it is no run."""
_CELL = 450
"""Millionths of a degree of latitude: 50 m."""
_M_PER_DEGREE = 111_320.0
_WHOLE = 1_000_000
_SCALE = _M_PER_DEGREE / _WHOLE


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
    samples: Sequence[int] = range(len(latitude))
    if None in latitude or None in longitude:
        known = [None not in each for each in zip(latitude, longitude, strict=True)]
        samples = list(compress(samples, known))
        latitude, longitude = compress(latitude, known), compress(longitude, known)  # type: ignore[assignment]
    north, east = _whole(latitude), _whole(longitude)  # type: ignore[arg-type]
    moves = [True, *map(or_, map(ne, north[1:], north), map(ne, east[1:], east))]
    places = _Places(*(list(compress(each, moves)) for each in (north, east, samples)))
    points = [
        RoutePoint(places.north[index], places.east[index], places.samples[index])
        for first, last in places.passages()
        for index in places.drawn(first, last)
    ]
    return points if 1 < len(points) <= MOST_POINTS else []


def _whole(degrees: Iterable[float]) -> list[int]:
    return list(map(round, map(mul, degrees, repeat(_WHOLE))))


class _Places(NamedTuple):
    """The places of a run, each other than the one before, and their samples."""

    north: list[int]
    east: list[int]
    samples: list[int]

    def passages(self) -> Iterator[tuple[int, int]]:
        """The first and last place of each passage through a cell."""
        widths: dict[int, int] = {}
        first, before = 0, None
        for index, (north, east) in enumerate(zip(self.north, self.east, strict=True)):
            row = north // _CELL
            width = widths.get(row)
            if width is None:
                width = widths[row] = round(_CELL / _narrow(row * _CELL))
            cell = (row, east // width)
            if cell != before:
                if index:
                    yield first, index - 1
                first, before = index, cell
        if self.north:
            yield first, len(self.north) - 1

    def drawn(self, first: int, last: int) -> Iterable[int]:
        """The first, the last, and those farther than the tolerance from lines between them."""
        if last - first < 2:  # noqa: PLR2004 - no place between them
            return range(first, last + 1)
        east_scale = _SCALE * _narrow(self.north[first])
        kept = [first, last]
        waiting = [(first, last)]
        while waiting:
            start, end = waiting.pop()
            index, squared = self._farthest(start, end, east_scale)
            if squared > TOLERANCE_M * TOLERANCE_M:
                kept.append(index)
                waiting += [(start, index), (index, end)]
        kept.sort()
        return kept

    def _farthest(self, first: int, last: int, east_scale: float) -> tuple[int, float]:
        """The place between two that is farthest from their line, and the square of how far, in m².

        All are in one cell, so that no longitudes are to be taken the short way.
        """
        north, east = self.north[first], self.east[first]
        end_y = (self.north[last] - north) * _SCALE
        end_x = (self.east[last] - east) * east_scale
        squared = end_x * end_x + end_y * end_y
        found, most = first, 0.0
        between = zip(self.north[first + 1 : last], self.east[first + 1 : last], strict=True)
        for index, (latitude, longitude) in enumerate(between, start=first + 1):
            y = (latitude - north) * _SCALE
            x = (longitude - east) * east_scale
            along = x * end_x + y * end_y
            if along > 0.0 and squared:
                share = along / squared if along < squared else 1.0
                x -= share * end_x
                y -= share * end_y
            off = x * x + y * y
            if off > most:
                found, most = index, off
        return found, most


def _narrow(latitude: int) -> float:
    """The length of a degree of longitude, as a share of one at the equator."""
    return max(0.01, cos(radians(latitude / _WHOLE)))
