"""What an effort over one distance lets expect over another.

Riegel (1981, "Athletic Records and Human Endurance", American Scientist 69(3), 285-290): times over
two distances are as the distances to the power 1.06. He found it from the records of several sports
for efforts that last 3.5 to 230 minutes; beyond, nothing is predicted.

Cameron ("equivalent times", mailing list t-and-f, from the ten fastest people over each distance):
speed over a distance in miles d is as 13.49681 - 0.048865 d + 2.438936 / d^0.7905. He found that it
holds for records from 800 m to the marathon; beyond, nothing is predicted.

Both speak of the same runner, trained for both distances. The nearer the distances, the better they
are, so nothing is predicted from an effort more than `MOST_RATIO` times as long or as short.

The reference for the SQL that the server runs with these constants:
`db/statements/performance/race_prediction.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import pow as power

from athletics.distance import MILE_M, StandardDistance

RIEGEL_EXPONENT = 1.06
RIEGEL_SHORTEST_S, RIEGEL_LONGEST_S = 210.0, 13_800.0
"""The times that Riegel's rule is for: 3.5 and 230 minutes."""
CAMERON_SHORTEST_M = StandardDistance.M800.meters
CAMERON_LONGEST_M = StandardDistance.MARATHON.meters
CAMERON_CONSTANT, CAMERON_SLOPE, CAMERON_FACTOR, CAMERON_EXPONENT = (
    13.49681,
    0.048865,
    2.438936,
    0.7905,
)
MOST_RATIO = 4.25
"""Of the two distances: the marathon is predicted from 10 km (4.22 times), not from 5 km."""


class PredictionMethod(StrEnum):
    """How a time over one distance is computed from a time over another."""

    RIEGEL = "RIEGEL"
    CAMERON = "CAMERON"


@dataclass(frozen=True, slots=True)
class Performance:
    """A time over a distance."""

    distance_m: float
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The time expected, unrounded, and the performance that it rests on."""

    elapsed_s: float
    rests_on: Performance


def riegel_s(effort: Performance, distance_m: float) -> float:
    """The time in seconds that Riegel's rule gives, also beyond its range."""
    return effort.elapsed_s * power(distance_m / effort.distance_m, RIEGEL_EXPONENT)


def cameron_s(effort: Performance, distance_m: float) -> float:
    """The time in seconds that Cameron's rule gives, also beyond its range."""
    pace = effort.elapsed_s / effort.distance_m
    return pace * distance_m * _cameron_speed(effort.distance_m) / _cameron_speed(distance_m)


def predict(
    efforts: Iterable[Performance], distance_m: float, method: PredictionMethod
) -> Prediction | None:
    """The fastest time that any of `efforts` lets expect, and that one; of equal ones the first.

    An effort over the distance itself counts as what it is. None: no effort is in the range of the
    method, or near enough.
    """
    found: Prediction | None = None
    for effort in efforts:
        if max(effort.distance_m, distance_m) > MOST_RATIO * min(effort.distance_m, distance_m):
            continue
        elapsed_s = _in_range(effort, distance_m, method)
        if elapsed_s is not None and (found is None or elapsed_s < found.elapsed_s):
            found = Prediction(elapsed_s, effort)
    return found


def _in_range(effort: Performance, distance_m: float, method: PredictionMethod) -> float | None:
    """The time that a method gives within its range."""
    if method is PredictionMethod.CAMERON:
        shortest_m, longest_m = sorted((effort.distance_m, distance_m))
        is_covered = shortest_m >= CAMERON_SHORTEST_M and longest_m <= CAMERON_LONGEST_M
        return cameron_s(effort, distance_m) if is_covered else None
    elapsed_s = riegel_s(effort, distance_m)
    shortest_s, longest_s = sorted((effort.elapsed_s, elapsed_s))
    is_covered = shortest_s >= RIEGEL_SHORTEST_S and longest_s <= RIEGEL_LONGEST_S
    return elapsed_s if is_covered else None


def _cameron_speed(distance_m: float) -> float:
    """A number that the speed over a distance is proportional to."""
    miles = distance_m / MILE_M
    return (
        CAMERON_CONSTANT - CAMERON_SLOPE * miles + CAMERON_FACTOR / power(miles, CAMERON_EXPONENT)
    )
