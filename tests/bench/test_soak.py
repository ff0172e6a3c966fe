"""What a soak takes for flat."""

import pytest

from bench.soak import Disturbance
from bench.soak_samples import Series

FLAT = [
    ("MB", [50.0] * 10 + [100.0] * 10 + [109.0] * 10),
    ("MB", [1.0] * 20 + [10.0] * 10),
    ("files", [7.0] * 30),
    ("", [10.0, 400.0, 20.0] * 10),
]
GROWING = [
    ("MB", [100.0] * 10 + [120.0] * 10 + [140.0] * 10),
    ("files", [20.0 + 3 * each for each in range(30)]),
    ("", [100.0 + 20 * each for each in range(30)]),
]


@pytest.mark.parametrize(("unit", "values"), FLAT)
def test_what_stays_is_flat(unit, values):
    assert Series("memory", unit, values).is_flat


@pytest.mark.parametrize(("unit", "values"), GROWING)
def test_what_grows_is_not(unit, values):
    assert not Series("memory", unit, values).is_flat


class Clock:
    """A clock, and an API, that say what they are told."""

    def __init__(self) -> None:
        self.now_s, self.is_ready = 1000.0, False

    def disturbance(self) -> Disturbance:
        return Disturbance(lambda: self.is_ready, lambda: self.now_s)


def test_a_restart_excuses_what_fails_until_the_api_is_ready():
    clock = Clock()
    disturbance = clock.disturbance()
    assert not disturbance.is_on
    disturbance.begin()
    seen = []
    for after_s, is_ready in ((5, True), (19, True), (21, False), (30, False), (31, True)):
        clock.now_s, clock.is_ready = 1000.0 + after_s, is_ready
        disturbance.look()
        seen.append(disturbance.is_on)
    assert seen == [True, True, True, True, False]


def test_what_never_comes_back_is_no_excuse():
    clock = Clock()
    disturbance = clock.disturbance()
    disturbance.begin()
    clock.now_s += 121
    disturbance.look()
    assert not disturbance.is_on
