"""The published age-grading tables: open standards and age standards by distance, sex and age.

Road tables by Alan Jones and Tom Bernhard (repository AlanLyttonJones/Age-Grade-Tables, CC0; the
2015 sheets CC BY 4.0), the track table is WMA 2023 as carried by athlib (Apache-2.0). A row of the
files in `tables/` is one sex, age and distance; every sex of a table has every age at every
distance.

    ValueError
    +-- OutOfTable                 the table says nothing about it
    |   +-- AgeOutOfTable
    |   +-- DistanceOutOfTable
    +-- InvalidPerformance         no positive, finite number
"""

import csv
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from math import exp, isfinite, log

# A length given in whole meters (1609, 21097) means the tabulated one it was rounded from.
ROUNDING_M = 0.5
# Between listed distances further apart than this, as the mile and 5 km of the road tables, times
# are interpolated by their logarithms.
_WIDEST_LINEAR = 2.5


class Sex(StrEnum):
    FEMALE = "FEMALE"
    MALE = "MALE"


class AgeGradeTable(StrEnum):
    ROAD_2015 = "ROAD_2015"
    ROAD_2020 = "ROAD_2020"
    ROAD_2025 = "ROAD_2025"
    TRACK_2023 = "TRACK_2023"


_NAMES = {"age": "Age", "distance_m": "Distance in meters", "elapsed_s": "Time in seconds"}


class OutOfTable(ValueError):
    """The `value` of `field` is outside `minimum` to `maximum` of `table`.

    `field` is "age" or "distance_m". `problem` is the message without field and value.
    """

    def __init__(
        self, field: str, value: float, bounds: tuple[float, float], table: AgeGradeTable
    ) -> None:
        self.field, self.value, self.table = field, value, table
        self.minimum, self.maximum = bounds
        self.remedy = _remedy(field, value, bounds)
        self.problem = f"is outside {table}: {bounds[0]:g} to {bounds[1]:g}. {self.remedy}"
        super().__init__(f"{_NAMES[field]} {value:.12g} {self.problem}")


class AgeOutOfTable(OutOfTable):
    """The table has no factors for this age."""


class DistanceOutOfTable(OutOfTable):
    """Shorter than the table's shortest distance or longer than its longest."""


class InvalidPerformance(ValueError):
    """`field` has a `value` that is not a positive, finite number."""

    problem = "must be a positive, finite number."

    def __init__(self, field: str, value: float) -> None:
        self.field, self.value = field, value
        super().__init__(f"{_NAMES[field]} {value:.12g}: it {self.problem}")


@dataclass(frozen=True, slots=True)
class _Standards:
    """One sex of one table, columns by distance, shortest first."""

    distances_m: list[float]
    open_s: list[float]
    age_s_by_age: dict[int, list[float]]

    @property
    def distance_bounds_m(self) -> tuple[float, float]:
        return self.distances_m[0], self.distances_m[-1]

    @property
    def age_bounds(self) -> tuple[int, int]:
        return min(self.age_s_by_age), max(self.age_s_by_age)


def positive(field: str, value: float) -> float:
    """`value` itself; InvalidPerformance, naming `field`, unless it is positive and finite."""
    if not (isfinite(value) and value > 0):
        raise InvalidPerformance(field, value)
    return value


def open_standard_s(distance_m: float, sex: Sex | None, table: AgeGradeTable) -> float:
    """The time of the open class (the best of any age), in seconds.

    Sex None means men, the faster. Between tabulated distances it is interpolated.
    DistanceOutOfTable outside them, InvalidPerformance for a distance that is no positive number.
    """
    standards = _standards(table)[sex or Sex.MALE]
    return _at_distance(standards.open_s, distance_m, standards, table)


def age_standard_s(distance_m: float, sex: Sex, age: int, table: AgeGradeTable) -> float:
    """Open standard divided by age factor, in seconds; interpolated like the open standard.

    AgeOutOfTable and DistanceOutOfTable where the table ends; `age` is in completed years.
    """
    standards = _standards(table)[sex]
    if age not in standards.age_s_by_age:
        raise AgeOutOfTable("age", age, standards.age_bounds, table)
    return _at_distance(standards.age_s_by_age[age], distance_m, standards, table)


def lists(table: AgeGradeTable, distance_m: float) -> bool:
    """Whether `distance_m`, to the meter, is one of the table's own distances."""
    return any(abs(distance_m - listed_m) <= ROUNDING_M for listed_m in _listed_m(table))


def neighbors_m(table: AgeGradeTable, distance_m: float) -> tuple[float, float] | None:
    """The table's distances around one that it does not list; None outside the table."""
    distances_m = _standards(table)[Sex.MALE].distances_m
    above = bisect_left(distances_m, distance_m)
    if not 0 < above < len(distances_m):
        return None
    return distances_m[above - 1], distances_m[above]


def _at_distance(
    column_s: list[float], distance_m: float, standards: _Standards, table: AgeGradeTable
) -> float:
    """The standard of a distance: the column's own, or interpolated.

    The tables' own formula is `S = S1 (1 - u) + S2 u` with `u = ln(d / d1) / ln(d2 / d1)`. Over the
    road tables' gap between the mile and 5 km it contradicts itself: at one pace 3 km would grade 8
    to 14 points above both. There the logarithm of S is interpolated, as race times grow.
    """
    shortest_m, longest_m = standards.distance_bounds_m
    if not shortest_m - ROUNDING_M <= positive("distance_m", distance_m) <= longest_m + ROUNDING_M:
        raise DistanceOutOfTable("distance_m", distance_m, standards.distance_bounds_m, table)
    above = bisect_left(standards.distances_m, distance_m - ROUNDING_M)
    if standards.distances_m[above] <= distance_m + ROUNDING_M:
        return column_s[above]
    d1, d2 = standards.distances_m[above - 1], standards.distances_m[above]
    s1, s2 = column_s[above - 1], column_s[above]
    u = log(distance_m / d1) / log(d2 / d1)
    if d2 > _WIDEST_LINEAR * d1:
        return exp(log(s1) * (1 - u) + log(s2) * u)
    return s1 * (1 - u) + s2 * u


def _remedy(field: str, value: float, bounds: tuple[float, float]) -> str:
    fitting = [table for table in AgeGradeTable if _covers(table, field, value)]
    if fitting:
        return f"Choose a table that covers it: {', '.join(fitting)}."
    return f"No table covers it: give a value between {bounds[0]:g} and {bounds[1]:g}."


def _covers(table: AgeGradeTable, field: str, value: float) -> bool:
    standards = _standards(table)[Sex.MALE]
    minimum, maximum = standards.age_bounds if field == "age" else standards.distance_bounds_m
    return minimum <= value <= maximum


@cache
def _standards(table: AgeGradeTable) -> dict[Sex, _Standards]:
    """Read once a process, when first asked for."""
    by_sex = {Sex.FEMALE: _Standards([], [], {}), Sex.MALE: _Standards([], [], {})}
    for row in _rows(table):
        _add(by_sex[Sex.MALE if row[0] == "M" else Sex.FEMALE], row)
    return by_sex


def _rows(table: AgeGradeTable) -> list[list[str]]:
    """Rows of sex, age, distance_km, label, open_standard_s and age_factor, by distance."""
    return sorted(csv.reader(_lines(table)), key=lambda row: float(row[2]))


@cache
def _listed_m(table: AgeGradeTable) -> frozenset[float]:
    """Read only the distances, in a tenth of the time: most processes grade nothing."""
    kilometers = {line.split(",", 3)[2] for line in _lines(table)}
    return frozenset(float(each) * 1000 for each in kilometers)


def _lines(table: AgeGradeTable) -> list[str]:
    text = files("athletics").joinpath("tables", f"{table.lower()}.csv").read_text(encoding="utf-8")
    return text.splitlines()[1:]


def _add(standards: _Standards, row: list[str]) -> None:
    distance_m, open_s = float(row[2]) * 1000, float(row[4])
    if not standards.distances_m or distance_m > standards.distances_m[-1]:
        standards.distances_m.append(distance_m)
        standards.open_s.append(open_s)
    standards.age_s_by_age.setdefault(int(row[1]), []).append(open_s / float(row[5]))
