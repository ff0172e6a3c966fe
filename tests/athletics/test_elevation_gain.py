"""What the climbs of a way add up to."""

import math

import pytest

from athletics.elevation_gain import elevation_gain_m


@pytest.mark.parametrize(
    ("heights", "gain"),
    [
        ([], 0),
        ([100], 0),
        ([100, 250], 150),
        ([250, 100], 0),
        ([100, 200, 150, 180], 130),
        ([100, 200, 199, 230], 130),  # a dip within the threshold ends no climb
        ([100, 200, 197, 230], 133),
        ([100, 101.5, 100, 101.9, 100], 0),  # noise
        ([100, 101, 102, 103, 104, 103, 102, 101, 100, 101], 4),  # slow climbs count as a whole
        ([5, 0, 10, 8.5, 9.5, 8.5, 20], 20),
    ],
)
def test_climbs_beyond_the_threshold_are_added_up(heights, gain):
    assert elevation_gain_m(heights) == pytest.approx(gain)


def test_hills_count_with_noise_upon_them_as_without():
    hills = [20 * math.sin(step / 40) for step in range(2000)]
    noisy = [each + 0.9 * (-1) ** step for step, each in enumerate(hills)]
    assert elevation_gain_m(noisy) == pytest.approx(elevation_gain_m(hills), rel=0.06)
