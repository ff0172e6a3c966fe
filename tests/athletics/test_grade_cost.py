"""The cost of running on slopes."""

import numpy as np
import pytest

from athletics.grade_cost import height_profile, running_cost


@pytest.mark.parametrize(
    ("gradient", "cost"),
    # The polynomial of Minetti et al. 2002 at hand-computed points.
    [(0.0, 3.6), (0.1, 5.968), (-0.1, 2.152), (0.45, 19.426), (0.9, 19.426), (-0.45, 4.032)],
)
def test_the_cost_is_that_of_the_published_polynomial(gradient, cost):
    assert running_cost(np.array([gradient])) == pytest.approx(cost, abs=0.001)


def slope(
    gradient: float, length_m: int = 2000, step_m: int = 3
) -> tuple[list[float], list[float]]:
    way = [float(each) for each in range(0, length_m + 1, step_m)]
    return way, [100 + gradient * each for each in way]


@pytest.mark.parametrize("gradient", [-0.2, -0.05, 0.0, 0.05, 0.2])
def test_on_an_even_slope_distance_costs_by_the_polynomial(gradient):
    profile = height_profile(*slope(gradient))
    assert profile.climb_m(500, 1500) == pytest.approx(1000 * gradient, abs=0.01)
    level_m = profile.level_distance_m(500, 1500)
    [cost] = running_cost(np.array([gradient]))
    assert level_m == pytest.approx(1000 * cost / 3.6, rel=1e-6)


def test_noise_of_a_meter_changes_level_ground_by_less_than_a_percent():
    way, heights = slope(0.0)
    noisy = [each + (-1) ** index for index, each in enumerate(heights)]
    assert height_profile(way, noisy).level_distance_m(0, 1000) == pytest.approx(1000, rel=0.01)


def test_standing_counts_once():
    way, heights = slope(0.1)
    way[100:100], heights[100:100] = [way[100]] * 50, [heights[100] + 40] * 50
    assert height_profile(way, heights).climb_m(0, 2000) == pytest.approx(200, abs=20)


@pytest.mark.parametrize(
    ("way", "heights"),
    [
        ([], []),
        ([0, 50], [0, 0]),
        ([0, 100, 400, 500], [0, 0, 0, 0]),  # nothing known for 300 m
        ([250, 300, 400, 500], [0, 0, 0, 0]),
        (range(0, 1000, 10), [(each // 100) % 2 * 300 for each in range(0, 1000, 10)]),
        ([0, 100, 3e9], [0, 0, 0]),
    ],
)
def test_altitudes_that_are_not_sound_give_no_profile(way, heights):
    assert height_profile(list(way), list(heights)) is None
