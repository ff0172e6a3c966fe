"""Gaps between the samples of a recording."""

import pytest

from athletics.downsampling import gap_counts


@pytest.mark.parametrize(
    ("time_s", "counts"),
    [
        ([], []),
        ([5], [0]),
        (range(5), [0] * 5),
        ([0, 1, 2, 11.9, 12, 22], [0, 0, 0, 0, 0, 1]),
        ([0, 60, 120, 180, 500, 560, 2000], [0, 0, 0, 0, 1, 1, 2]),  # a sample a minute
    ],
)
def test_gaps_are_longer_than_usual_intervals(time_s, counts):
    assert gap_counts(time_s) == counts
