"""Which efforts are faster than any human has run, and so come from a recording that erred."""

from functools import cache
from math import isfinite

from athletics.age_grade import default_table
from athletics.age_grade_table import Sex, open_standard_s
from athletics.distance import StandardDistance


def is_plausible(distance: StandardDistance, elapsed_s: float, sex: Sex | None) -> bool:
    """False for a time below the open standard, and for one that is not finite."""
    return isfinite(elapsed_s) and elapsed_s >= fastest_plausible_s(distance, sex)


@cache
def fastest_plausible_s(distance: StandardDistance, sex: Sex | None) -> float:
    """The open standard in seconds by the default table; men's, the faster, when sex is None."""
    return open_standard_s(distance.meters, sex, default_table(distance.meters))
