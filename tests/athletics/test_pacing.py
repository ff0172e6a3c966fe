"""Halves of runs."""

import pytest

from athletics.pacing import pacing
from athletics.split import Split


def splits(*parts: tuple[float, float]) -> list[Split]:
    """From (distance in meters, moving time in seconds)."""
    return [
        Split(number, 0.0, distance_m, moving_s + 5, moving_s, False, None, None, None)
        for number, (distance_m, moving_s) in enumerate(parts, start=1)
    ]


def test_an_even_number_of_splits_is_halved_between_them():
    found = pacing(splits((1000, 300), (1000, 310), (1000, 290), (1000, 280)))
    assert (found.first_half_s, found.second_half_s) == (610, 570)
    assert found.is_negative_split
    assert found.change_percent == pytest.approx(-6.557, abs=0.001)


def test_half_way_lies_in_a_split():
    found = pacing(splits((1000, 300), (1000, 320), (500, 170)))
    assert (found.first_half_s, found.second_half_s) == (300 + 80, 240 + 170)
    assert not found.is_negative_split


def test_an_even_run_is_not_negative():
    found = pacing(splits((1000, 300), (1000, 300)))
    assert (found.change_percent, found.is_negative_split) == (0, False)


@pytest.mark.parametrize("parts", [(), ((1000, 300), (999, 300)), ((1000, 0), (1000, 0))])
def test_too_short_a_run_has_no_halves(parts):
    assert pacing(splits(*parts)) is None
