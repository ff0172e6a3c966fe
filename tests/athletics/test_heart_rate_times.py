"""Time at each heart rate."""

import pytest

from athletics.heart_rate_times import heart_rates


def test_the_time_to_the_next_sample_is_the_samples():
    found = heart_rates([0, 1, 3, 10, 11], [100, 102, 100, None, 180])
    assert (found.lowest_bpm, found.seconds) == (100, [8, 0, 2])


def test_a_pause_of_the_device_counts_for_no_rate():
    assert heart_rates([0, 60, 121, 122], [100, 101, 102, 103]).seconds == [60, 0, 1]


def test_rates_of_no_heart_are_left_out():
    assert heart_rates([0, 1, 2, 3], [0, 19, 251, 100]) is None


@pytest.mark.parametrize(
    ("times", "rates"), [([], []), ([0], [100]), ([0, 0], [90, 90]), ([5, 4], [90, 90])]
)
def test_without_time_there_is_none(times, rates):
    assert heart_rates(times, rates) is None
    assert heart_rates(times, None) is None
