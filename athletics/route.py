"""Routes: where a run went, in few points that draw it to within 2 m.

Points are whole millionths of a degree, and places that were recorded. The earth is divided into
fixed cells of about 50 m. Each time the run passes through a cell, the points there are chosen from
what was recorded in it alone (Douglas and Peucker 1973), so that a part of a route tells nothing of
its other parts: not by a choice of points, and not by places between samples.
"""

from dataclasses import dataclass
from math import cos
from typing import NamedTuple

import numpy as np

from athletics.columns import Column, Flags, Floats, Integers, first_of_each, floats

TOLERANCE_M = 2.0
MOST_POINTS = 50_000
"""A recording that takes more has no route: it is no run."""
_CELL = 450
"""Millionths of a degree of latitude: 50 m."""
_M_PER_DEGREE = 111_320.0
_WHOLE = 1_000_000
_SCALE = _M_PER_DEGREE / _WHOLE


class RouteColumns(NamedTuple):
    """The points of a route in order: places in millionths of a degree.

    `samples` are the first samples there, counted from 0.
    """

    latitudes: Integers
    longitudes: Integers
    samples: Integers


NO_ROUTE = RouteColumns(*(np.zeros(0, np.int64) for _ in RouteColumns._fields))


def route_of(latitude: Column, longitude: Column) -> RouteColumns:
    """The points of a route; NO_ROUTE for fewer than two places.

    Samples without a position are left out.
    """
    degrees = floats(latitude), floats(longitude)
    samples = np.flatnonzero(~np.isnan(degrees[0]) & ~np.isnan(degrees[1]))
    if not len(samples):
        return NO_ROUTE
    north, east = (np.rint(each[samples] * _WHOLE).astype(np.int64) for each in degrees)
    moves = _changes(north) | _changes(east)
    places = _Places(north[moves], east[moves])
    drawn = np.flatnonzero(places.drawn())
    if not 1 < len(drawn) <= MOST_POINTS:
        return NO_ROUTE
    return RouteColumns(*(each[moves][drawn] for each in (north, east, samples)))


def _changes(values: Integers) -> Flags:
    """Whether each value is another than the one before; the first is."""
    found = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


@dataclass(frozen=True, slots=True)
class _Places:
    """The places of a run, each other than the one before."""

    north: Integers
    east: Integers

    def drawn(self) -> Flags:
        """Whether each is the first or last of a passage through a cell, or far from its lines."""
        first = np.flatnonzero(self._enters())
        last = np.append(first[1:], len(self.north)) - 1
        is_drawn = np.zeros(len(self.north), bool)
        is_drawn[first] = is_drawn[last] = True
        lines = _Lines(first, last, _SCALE * _narrow(self.north[first])).long()
        while len(lines.first):
            middle, squared_m = self._farthest(lines)
            is_far = squared_m > TOLERANCE_M * TOLERANCE_M
            is_drawn[middle[is_far]] = True
            lines = lines.cut(middle, is_far).long()
        return is_drawn

    def _enters(self) -> Flags:
        """Whether the run enters a cell at each place."""
        row = self.north // _CELL
        lowest = row.min()
        counts = np.bincount(row - lowest)
        rows = counts.nonzero()[0]
        widths = counts  # of those that occur
        widths[rows] = np.rint(_CELL / _narrow((rows + lowest) * _CELL))
        return _changes(row) | _changes(self.east // widths[row - lowest])

    def _farthest(self, lines: "_Lines") -> tuple[Integers, Floats]:
        """The place that is farthest from each line, and the square of how far, in m².

        All of a line are in one cell, so that no longitudes are to be taken the short way.
        """
        north, east = self.north[lines.first], self.east[lines.first]
        end_y = (self.north[lines.last] - north) * _SCALE
        end_x = (self.east[lines.last] - east) * lines.east_scale
        squared = end_x * end_x + end_y * end_y
        counts = lines.last - lines.first - 1
        starts = np.cumsum(counts) - counts
        line = np.repeat(np.arange(len(counts)), counts)
        between = np.arange(len(line)) - starts[line] + lines.first[line] + 1
        y = (self.north[between] - north[line]) * _SCALE
        x = (self.east[between] - east[line]) * lines.east_scale[line]
        end_x, end_y, squared = end_x[line], end_y[line], squared[line]
        along = x * end_x + y * end_y
        share = np.ones(len(line))
        np.divide(along, squared, out=share, where=along < squared)
        share[(along <= 0.0) | (squared == 0.0)] = 0.0
        x -= share * end_x
        y -= share * end_y
        off = x * x + y * y
        most = np.maximum.reduceat(off, starts)
        return between[first_of_each(off == most[line], starts)], most


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines between two places of one passage each, with the meters of its cell's steps east."""

    first: Integers
    last: Integers
    east_scale: Floats

    def long(self) -> "_Lines":
        """Those with places between their ends."""
        return self._of(self.last - self.first > 1)

    def cut(self, middle: Integers, is_far: Flags) -> "_Lines":
        """Cut those that have a far place there, and leave out the others."""
        far, middle = self._of(is_far), middle[is_far]
        return _Lines(
            np.concatenate((far.first, middle)),
            np.concatenate((middle, far.last)),
            np.concatenate((far.east_scale, far.east_scale)),
        )

    def _of(self, chosen: Flags) -> "_Lines":
        return _Lines(self.first[chosen], self.last[chosen], self.east_scale[chosen])


def _narrow(latitudes: Integers) -> Floats:
    """The length of a degree of longitude, as a share of one at the equator."""
    angles = np.radians(latitudes / _WHOLE).tolist()
    # numpy has cosines of its own, which are rounded otherwise on other machines.
    return np.maximum(0.01, list(map(cos, angles)))
