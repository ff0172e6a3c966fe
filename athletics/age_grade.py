"""
How good a time is for the runner's age and sex, in per cent of the best for that age.

The tables' own definitions: age standard = open standard / age factor; age grade = age standard / time;
age-graded time = time x age factor.
"""

from dataclasses import dataclass
from datetime import date

from athletics.age_grade_table import (
    ROUNDING_M,
    AgeGradeTable,
    AgeOutOfTable,
    DistanceOutOfTable,
    InvalidPerformance,
    OutOfTable,
    Sex,
    age_standard_s,
    open_standard_s,
    positive,
)
from athletics.distance import StandardDistance

__all__ = [
    "AgeGrade",
    "AgeGradeTable",
    "AgeOutOfTable",
    "DistanceOutOfTable",
    "InvalidPerformance",
    "OutOfTable",
    "Sex",
    "age_grade",
    "age_on",
    "age_standard_s",
    "default_table",
    "open_standard_s",
]


@dataclass(frozen=True, slots=True)
class AgeGrade:
    """Times in seconds, `percent` 100 at the age standard, `age_on_day` in completed years; all unrounded."""

    percent: float
    age_on_day: int
    sex: Sex
    table: AgeGradeTable
    age_factor: float
    open_standard_s: float
    age_standard_s: float
    age_graded_time_s: float


def age_grade(distance_m: float, elapsed_s: float, sex: Sex, age: int, table: AgeGradeTable) -> AgeGrade:
    """
    The age grade of `elapsed_s` over `distance_m` by a runner of `age` completed years.

    The factor of a distance between two tabulated ones is open standard / age standard, each
    interpolated. AgeOutOfTable, DistanceOutOfTable or InvalidPerformance, all ValueError.
    """
    positive("elapsed_s", elapsed_s)
    age_s = age_standard_s(distance_m, sex, age, table)
    open_s = open_standard_s(distance_m, sex, table)
    factor = open_s / age_s
    return AgeGrade(100 * age_s / elapsed_s, age, sex, table, factor, open_s, age_s, elapsed_s * factor)


def default_table(distance_m: float) -> AgeGradeTable:
    """The newest road table from one mile up, below it (the road tables begin there) the track table."""
    is_road = distance_m >= StandardDistance.MILE1.meters - ROUNDING_M
    return AgeGradeTable.ROAD_2025 if is_road else AgeGradeTable.TRACK_2023


def age_on(birth_date: date, day: date) -> int | None:
    """
    Completed years on `day`, at the athlete's place; None when `day` is before birth.

    Who was born on 29 February has the birthday on 1 March in common years.
    """
    if day < birth_date:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))
