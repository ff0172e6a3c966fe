"""Which efforts are faster than any human has run, and so come from a recording that erred."""

from math import exp, isfinite, log

from athletics.age_grade import default_table
from athletics.age_grade_table import Sex, open_standard_s
from athletics.distance import StandardDistance

# The nearest distances with an open standard of ROAD_2025 for those that it lacks.
_NEIGHBOURS = {
    StandardDistance.KM3: (StandardDistance.MILE1, StandardDistance.KM5),
    StandardDistance.MILE2: (StandardDistance.MILE1, StandardDistance.KM5),
}


def is_plausible(distance: StandardDistance, elapsed_s: float, sex: Sex | None) -> bool:
    """False for a time below the open standard, and for one that is not finite."""
    return isfinite(elapsed_s) and elapsed_s >= fastest_plausible_s(distance, sex)


def fastest_plausible_s(distance: StandardDistance, sex: Sex | None) -> float:
    """
    The open standard in seconds, ROAD_2025 from one mile up, TRACK_2023 below; men's when sex is None.

    3 km and 2 miles lie in the road tables' widest gap. Their own interpolation, linear in time, makes
    8:45 of a man's 3 km, which club runners beat: fit to grade with, not to reject by. Interpolated as a
    power of distance, as race times grow, it is 7:24, and the track table has 7:21.
    """
    if distance in _NEIGHBOURS:
        return _power_law_s(distance, _NEIGHBOURS[distance], sex)
    return open_standard_s(distance.meters, sex, default_table(distance.meters))


def _power_law_s(
    distance: StandardDistance, neighbours: tuple[StandardDistance, StandardDistance], sex: Sex | None
) -> float:
    """Linear in the logarithms of both distance and time."""
    d1, d2 = (neighbour.meters for neighbour in neighbours)
    s1, s2 = (fastest_plausible_s(neighbour, sex) for neighbour in neighbours)
    u = log(distance.meters / d1) / log(d2 / d1)
    return exp(log(s1) * (1 - u) + log(s2) * u)
