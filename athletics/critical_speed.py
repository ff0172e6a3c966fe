"""Critical speed: the fastest speed that a runner holds without tiring ever faster.

The distance of an all-out effort is linear in its time: d = CS t + D'. The slope CS is the critical
speed, the intercept D' the distance that can be run above it (Hughson, Orok and Staudt 1984, "A
High Velocity Treadmill Running Test to Assess Endurance Running Potential", Int J Sports Med 5,
23-25).

The efforts are those of Smyth and Muniz-Pumares (2020, "Calculation of Critical Speed from Raw
Training Data in Recreational Marathon Runners", Med Sci Sports Exerc 52(12), 2637-2645), who found
the line in the training of 25,000 runners: the fastest over 400, 800, 1000, 1500, 3000 and 5000 m,
at least three of them. Here one is of 3000 m or more, and one of 1500 m or less: efforts of
nearly the same distance tell no slope.

The reference for the SQL that the server runs with these constants:
`db/statements/performance/critical_speed.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from athletics.distance import StandardDistance

DISTANCES = (
    StandardDistance.M400,
    StandardDistance.M800,
    StandardDistance.KM1,
    StandardDistance.M1500,
    StandardDistance.KM3,
    StandardDistance.KM5,
)
"""Shortest first."""
LEAST_EFFORTS = 3
LONG_M, SHORT_M = 3000.0, 1500.0
"""One effort is at least as long, another at most as long."""


@dataclass(frozen=True, slots=True)
class SpeedLine:
    """The line through efforts.

    `standard_error_m_per_s` is that of the slope; the fit's R² is `r_squared`.
    """

    speed_m_per_s: float
    distance_above_m: float
    r_squared: float
    standard_error_m_per_s: float
    distances: tuple[StandardDistance, ...]


@dataclass(frozen=True, slots=True)
class FittedLine:
    """A line by least squares: y = slope x + intercept."""

    slope: float
    intercept: float
    r_squared: float
    standard_error: float


def critical_speed(fastest_s: Mapping[StandardDistance, float]) -> SpeedLine | None:
    """The critical speed of a runner with these fastest times in seconds.

    None: there are too few efforts, or the line through them is none of a runner's: neither a
    distance above the critical speed nor the speed itself can be negative.
    """
    used = tuple(distance for distance in DISTANCES if distance in fastest_s)
    if len(used) < LEAST_EFFORTS or used[0].meters > SHORT_M or used[-1].meters < LONG_M:
        return None
    line = line_through([(fastest_s[each], each.meters) for each in used])
    if line is None or line.slope <= 0 or line.intercept <= 0:
        return None
    return SpeedLine(line.slope, line.intercept, line.r_squared, line.standard_error, used)


def line_through(points: Sequence[tuple[float, float]]) -> FittedLine | None:
    """The line through at least three points by least squares of y. None if all x are equal."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread_x = sum((x - mean_x) ** 2 for x, _ in points)
    spread_y = sum((y - mean_y) ** 2 for _, y in points)
    if not spread_x or not spread_y:
        return None
    both = sum((x - mean_x) * (y - mean_y) for x, y in points)
    slope = both / spread_x
    unexplained = max(0.0, spread_y - slope * both)
    return FittedLine(
        slope=slope,
        intercept=mean_y - slope * mean_x,
        r_squared=1 - unexplained / spread_y,
        standard_error=sqrt(unexplained / (count - 2) / spread_x),
    )
