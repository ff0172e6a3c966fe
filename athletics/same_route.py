"""Whether two runs went the same way, in either direction and from any point of a lap.

Two runs are on the same route if their lengths differ by at most 5 %, and at least 90 % of the
cells of either lie in or beside cells of the other. Cells are of some 100 m: a stored route has
points in each 50 m that were recorded (`athletics/route.py`), so its points alone tell the cells.
Neighbors count, because what runs along an edge of cells falls to either side. Cells as
fingerprints of ways are usual for lists of places, such as in map matching; the figures are ours,
measured in `tests/athletics/test_same_route.py` against noise of receivers.

The reference for the SQL that the server runs: functions of migration 0040, which
`db/statements/activities/same_route.py` calls.
"""

from collections.abc import Sequence
from math import cos, radians

CELL = 900
"""Millionths of a degree of latitude: 100 m."""
LONGEST_MORE, LEAST_SHARED = 0.05, 0.9
_WHOLE = 1_000_000
_BAND = 100_000
"""Millionths of latitude, within which cells are equally wide: a tenth of a degree."""

Cell = tuple[int, int]


def cells_of(latitudes: Sequence[int], longitudes: Sequence[int]) -> set[Cell]:
    """The cells of a route's points, which are in millionths of a degree."""
    return {
        (latitude // CELL, longitude // _width(latitude))
        for latitude, longitude in zip(latitudes, longitudes, strict=True)
    }


def is_same_route(one: set[Cell], other: set[Cell], one_m: float, other_m: float) -> bool:
    """Whether two runs with these cells and lengths in meters went the same way."""
    if not one or not other or abs(one_m - other_m) > LONGEST_MORE * max(one_m, other_m):
        return False
    return all(
        len(part & _with_neighbors(whole)) >= LEAST_SHARED * len(part)
        for part, whole in ((one, other), (other, one))
    )


def _width(latitude: int) -> int:
    """The width of cells in millionths of a degree of longitude, by tenths of a degree of latitude."""
    middle = (latitude // _BAND) * _BAND / _WHOLE
    return round(CELL / max(0.01, cos(radians(middle))))


def _with_neighbors(cells: set[Cell]) -> set[Cell]:
    return {
        (row + up, column + right)
        for row, column in cells
        for up in (-1, 0, 1)
        for right in (-1, 0, 1)
    }
