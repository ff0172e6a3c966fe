"""How good a time is for the runner's age and sex, in percent of the best for that age.

The tables' own definitions: age standard = open standard / age factor; age grade = age standard /
time; age-graded time = time x age factor.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from athletics.age_grade_table import (
    AgeGradeTable,
    Sex,
    age_standard_s,
    lists,
    neighbors_m,
    open_standard_s,
    positive,
)
from athletics.distance import StandardDistance

_DEFAULTS = (AgeGradeTable.ROAD_2025, AgeGradeTable.TRACK_2023)


@dataclass(frozen=True, slots=True)
class AgeGrade:
    """Unrounded: times in seconds, `percent` 100 at the age standard, age in completed years.

    `distance_interpolated`: the table does not list the distance.
    """

    percent: float
    age_on_day: int
    sex: Sex
    table: AgeGradeTable
    age_factor: float
    open_standard_s: float
    age_standard_s: float
    age_graded_time_s: float
    distance_interpolated: bool


def age_grade(
    distance_m: float, elapsed_s: float, sex: Sex, age: int, table: AgeGradeTable
) -> AgeGrade:
    """The age grade of `elapsed_s` over `distance_m` by a runner of `age` completed years.

    The factor of a distance between two tabulated ones is open standard / age standard, each
    interpolated. AgeOutOfTable, DistanceOutOfTable or InvalidPerformance, all ValueError.
    """
    positive("elapsed_s", elapsed_s)
    age_s = age_standard_s(distance_m, sex, age, table)
    open_s = open_standard_s(distance_m, sex, table)
    factor = open_s / age_s
    return AgeGrade(
        percent=100 * age_s / elapsed_s,
        age_on_day=age,
        sex=sex,
        table=table,
        age_factor=factor,
        open_standard_s=open_s,
        age_standard_s=age_s,
        age_graded_time_s=elapsed_s * factor,
        distance_interpolated=is_interpolated(distance_m, table),
    )


@lru_cache
def default_table(distance_m: float) -> AgeGradeTable:
    """The table to grade by when none is asked for.

    The table that lists the distance, the road table first. If neither does, the table with the
    nearer pair of distances around it. Outside both, the table that ends there.
    """
    for table in _DEFAULTS:
        if lists(table, distance_m):
            return table
    gaps_m = {
        table: around[1] - around[0]
        for table in _DEFAULTS
        if (around := neighbors_m(table, distance_m))
    }
    if gaps_m:
        return min(gaps_m, key=lambda table: gaps_m[table])
    is_long = distance_m >= StandardDistance.MILE1.meters
    return AgeGradeTable.ROAD_2025 if is_long else AgeGradeTable.TRACK_2023


def is_interpolated(distance_m: float, table: AgeGradeTable) -> bool:
    """Whether the standards of a distance that `table` covers are interpolated."""
    return not lists(table, distance_m)


def age_on(birth_date: date, day: date) -> int | None:
    """Completed years on `day`, at the athlete's place; None when `day` is before birth.

    Birthdays on 29 February fall on 1 March in common years.
    """
    if day < birth_date:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
