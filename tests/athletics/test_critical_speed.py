"""Critical speed, against a published example and lines that are known."""

import pytest

from athletics.critical_speed import DISTANCES, critical_speed, line_through
from athletics.distance import StandardDistance as D


def test_it_is_as_published():
    # novacalculator.com: 1600 m in 6:00, 3200 m in 13:00; from these 5000 m in 20:52
    found = line_through([(360, 1600), (780, 3200), (1252.3, 5000)])
    assert found.slope == pytest.approx(3.810, abs=0.001)
    assert found.intercept == pytest.approx(228.6, abs=0.5)
    assert found.r_squared == pytest.approx(1, abs=1e-6)


def times(speed: float, above_m: float, distances=DISTANCES):
    return {each: (each.meters - above_m) / speed for each in distances}


def test_a_runner_of_the_model_is_found_again():
    found = critical_speed(times(4.0, 150.0))
    assert (found.speed_m_per_s, found.distance_above_m) == pytest.approx((4.0, 150.0))
    assert found.standard_error_m_per_s == pytest.approx(0, abs=1e-6)
    assert found.distances == DISTANCES


def test_the_standard_error_is_that_of_the_slope():
    # by hand: x 0 1 2, y 0 1 3: slope 1.5, residuals 1/6 -1/3 1/6, so s² = 1/6, Sxx = 2
    found = line_through([(0, 0), (1, 1), (2, 3)])
    assert (found.slope, found.intercept) == pytest.approx((1.5, -1 / 6))
    assert found.standard_error == pytest.approx((1 / 12) ** 0.5)
    assert found.r_squared == pytest.approx(1 - (1 / 6) / (14 / 3))


def test_other_distances_do_not_count():
    known = times(4.0, 150.0)
    assert critical_speed({**known, D.KM10: 9000.0}) == critical_speed(known)


@pytest.mark.parametrize(
    "distances",
    [(), (D.M400, D.KM5), (D.M400, D.M800, D.M1500), (D.KM3, D.KM5, D.KM10)],
)
def test_too_few_or_too_near_efforts_tell_none(distances):
    assert critical_speed(times(4.0, 100.0, distances)) is None
    assert critical_speed(times(4.0, 100.0, (D.M1500, D.KM1, D.KM3)))


def test_what_no_runner_does_tells_none():
    assert critical_speed({D.M400: 120, D.M1500: 400, D.KM3: 700}) is None  # faster over 3 km
    assert critical_speed({D.M400: 100, D.M1500: 100, D.KM3: 100}) is None
