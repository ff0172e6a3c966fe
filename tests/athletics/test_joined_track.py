"""A recording's track as one line, and its moving time."""

import pytest

from athletics.joined_track import PAUSE_S, SLOWEST_M_PER_S, join_pieces
from athletics.track import read_track


def test_a_track_of_nothing_is_no_way():
    assert join_pieces(read_track([], []), 1000) is None


@pytest.mark.parametrize(
    ("seconds", "speed_m_per_s", "is_pause"),
    [
        (PAUSE_S, SLOWEST_M_PER_S * 0.9, True),
        (PAUSE_S - 3, 0.0, False),
        (PAUSE_S, SLOWEST_M_PER_S, False),
    ],
)
def test_a_pause_is_a_long_stretch_that_is_slow(seconds, speed_m_per_s, is_pause):
    steps = [4.0] * 20 + [speed_m_per_s] * int(seconds) + [4.0] * 20
    way_m = [sum(steps[:count]) for count in range(len(steps) + 1)]
    track = join_pieces(read_track(list(range(len(way_m))), way_m), way_m[-1])
    moving_s = len(steps) - (seconds if is_pause else 0)
    assert float(track.moving_s[-1]) == moving_s


def test_jumps_count_where_the_activitys_distance_has_them():
    time_s, way_m = list(range(41)), [4.0 * each + (400 if each > 20 else 0) for each in range(41)]
    track = read_track(time_s, way_m)
    assert len(track.pieces) == 2
    assert join_pieces(track, way_m[-1]).length_m == pytest.approx(560, abs=4)
    assert join_pieces(track, 160).length_m == pytest.approx(160, abs=4)
