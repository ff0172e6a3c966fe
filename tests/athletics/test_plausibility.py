from itertools import pairwise
from math import inf, nan

import pytest

from athletics.age_grade import default_table
from athletics.age_grade_table import AgeGradeTable, Sex, open_standard_s
from athletics.distance import StandardDistance
from athletics.plausibility import fastest_plausible_s, is_plausible


@pytest.mark.parametrize("sex", [*Sex, None])
def test_the_limit_grows_with_the_distance(sex):
    limits_s = [fastest_plausible_s(distance, sex) for distance in StandardDistance]
    assert all(shorter < longer for shorter, longer in pairwise(limits_s))


@pytest.mark.parametrize(
    "distance", sorted(set(StandardDistance) - {StandardDistance.KM3, StandardDistance.MILE2})
)
def test_the_limit_is_the_open_standard(distance):
    table = default_table(distance.meters)
    assert fastest_plausible_s(distance, Sex.FEMALE) == open_standard_s(
        distance.meters, Sex.FEMALE, table
    )


@pytest.mark.parametrize("sex", Sex)
def test_the_gap_of_the_road_tables_is_filled_as_the_track_table_has_it(sex):
    track_s = open_standard_s(3000, sex, AgeGradeTable.TRACK_2023)
    assert fastest_plausible_s(StandardDistance.KM3, sex) == pytest.approx(track_s, rel=0.025)
    assert fastest_plausible_s(StandardDistance.KM3, sex) < 8 * 60 + 40


def test_at_the_limit_is_plausible_and_below_is_not():
    assert is_plausible(StandardDistance.KM5, 769.0, Sex.MALE)
    assert not is_plausible(StandardDistance.KM5, 768.99, Sex.MALE)


def test_unknown_sex_is_judged_as_the_faster():
    assert is_plausible(StandardDistance.KM5, 800.0, None)
    assert not is_plausible(StandardDistance.KM5, 800.0, Sex.FEMALE)


@pytest.mark.parametrize("elapsed_s", [nan, inf, 0, -1])
def test_what_is_no_time_is_implausible(elapsed_s):
    assert not is_plausible(StandardDistance.M400, elapsed_s, None)
