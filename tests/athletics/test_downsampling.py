"""Gaps between the samples of a recording."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from athletics.columns import floats
from athletics.downsampling import gap_counts
from athletics.sample_levels import gaps_before


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
    assert gaps_before(floats(time_s)).tolist() == counts


@given(st.lists(st.floats(0, 1e6) | st.integers(0, 60), max_size=60))
def test_what_derives_finds_the_same_gaps_as_what_draws(time_s):
    assert gaps_before(floats(time_s)).tolist() == gap_counts(time_s)
