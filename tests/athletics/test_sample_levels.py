"""Which samples a chart of few points shows."""

from itertools import pairwise
from math import sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletics import sample_levels as sample_levels_module
from athletics.columns import floats
from athletics.downsampling import QUARTERS, points_up_to
from athletics.sample_levels import gaps_before, sample_levels

HOUR = list(range(3600))


def levels_of(time_s, distance_m, curves):
    return sample_levels(time_s, distance_m, curves, gaps_before(floats(time_s))).tolist()


def shown(levels: list[int], points: int) -> set[int]:
    return set(points_up_to(levels, points))


def run(count: int = 3600) -> tuple[list[float], list[float]]:
    """Even running, a sample a second."""
    return list(range(count)), [3.0 * second for second in range(count)]


@given(
    st.lists(st.floats(0, 30), max_size=300),
    st.data(),
)
def test_levels_are_nested_and_any_number_of_points_can_be_had(steps, data):
    time_s = [sum(steps[:place]) for place in range(len(steps))]
    distance_m = [float(place * place % 97) for place in range(len(steps))]
    curve = data.draw(
        st.lists(
            st.none() | st.floats(allow_infinity=True, allow_nan=True),
            min_size=len(steps),
            max_size=len(steps),
        )
    )
    levels = levels_of(time_s, distance_m, [curve])
    assert len(levels) == len(steps)
    for octave in range(1, 10):
        known = sum(level < QUARTERS * octave for level in levels)
        assert known == min(len(levels), 2**octave)
    for points in range(1, len(steps) + 2):
        found = points_up_to(levels, points)
        assert len(found) == min(points, len(steps))
        assert found == sorted(set(found))
        assert points == 1 or not found or (found[0], found[-1]) == (0, len(steps) - 1)


def test_the_extremes_of_each_curve_are_in_every_chart():
    time_s, distance_m = run()
    rates = [150 + 3 * sin(second / 200) for second in HOUR]
    altitude = [20 * sin(second / 700) for second in HOUR]
    rates[1234], rates[2222], altitude[77] = 191, 60, 99
    assert {1234, 2222, 77} <= shown(levels_of(time_s, distance_m, [rates, altitude]), 20)


def test_both_ends_of_gaps_and_rests_are_in_every_chart():
    time_s, distance_m = run()
    time_s = [second + 300 * (second >= 1000) for second in time_s]
    for second in range(2000, 3600):
        distance_m[second] -= 3.0 * min(second - 2000, 60)
    points = shown(levels_of(time_s, distance_m, []), 20)
    assert {999, 1000, 2000, 2060} <= points


def test_a_time_without_a_value_is_in_every_chart():
    rates = [140 + second % 3 for second in HOUR]
    blank: list[float | None] = [None if 500 <= second < 560 else rates[second] for second in HOUR]
    points = shown(levels_of(*run(), [blank]), 20)
    assert {499, 500, 559, 560} <= points


def test_the_longest_pauses_come_first_and_leave_room_for_the_rest():
    time_s, distance_m = run()
    for number in range(1, 36):  # a gap every 100 s, each longer than the one before
        time_s = [second + (10 + number) * (place >= number * 100)
                  for place, second in enumerate(time_s)]  # fmt: skip
    levels = levels_of(time_s, distance_m, [])
    assert {3499, 3500} <= shown(levels, 16)
    assert all({100 * n - 1, 100 * n} <= shown(levels, 256) for n in range(1, 36))
    assert max(after - before for before, after in pairwise(sorted(shown(levels, 256)))) < 60


def test_where_the_curve_bends_there_are_more_points():
    rates = [120.0] * 1800 + [120 + 40 * sin(second / 30) for second in range(1800)]
    points = shown(levels_of(*run(), [rates]), 100)
    level = sum(point < 1800 for point in points)
    assert level < 60, "buckets are of equal size, so the level part keeps up to half"
    bent = sorted(point for point in points if point >= 1800)
    drawn = [rates[point] for point in bent]
    assert max(drawn) > 159.9
    assert min(drawn) < 80.1


@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 40.0]), min_size=2, max_size=200),
    st.randoms(use_true_random=False),
)
def test_few_samples_are_chosen_as_many_are(steps, random):
    time_s = [sum(steps[:place]) for place in range(len(steps))]
    distance_m = [place * 3.0 + random.choice([0, 0, 0.5]) for place in range(len(steps))]
    curves = [[random.choice([150, 151, 160.5]) for _ in steps] for _ in range(2)]
    one_by_one = levels_of(time_s, distance_m, curves)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_levels_module, "FEW", 1)
        assert levels_of(time_s, distance_m, curves) == one_by_one


def test_what_repeats_a_place_or_a_time_is_no_fault():
    assert len(levels_of([0, 0, 0, 0], [0, 0, 0, 0], [[1, 1, 1, 1]])) == 4
