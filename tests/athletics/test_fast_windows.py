"""The windows that are looked at hold all that are nearly the fastest, in order of start."""

import numpy as np
import pytest

from athletics.fast_windows import NEARLY_S, fast_windows
from athletics.track import nanometers, read_track


def every_window(piece, length_nm):
    """Compute the time and the start of each window that begins or ends at a sample."""
    time_s, position_nm = piece.time_s, piece.position_nm
    found = []
    for place in range(len(time_s)):
        if position_nm[place] + length_nm <= position_nm[-1]:
            goal_nm = position_nm[place] + length_nm
            end = int(position_nm.searchsorted(goal_nm))
            left_s = (position_nm[end] - goal_nm) * piece.pace_s_per_nm[end]
            found.append((time_s[end] - left_s - time_s[place], time_s[place]))
        if position_nm[place] - length_nm >= position_nm[0]:
            begun_nm = position_nm[place] - length_nm
            start = int(position_nm.searchsorted(begun_nm, side="right"))
            more_s = (position_nm[start] - begun_nm) * piece.pace_s_per_nm[start]
            found.append((time_s[place] - time_s[start] + more_s, time_s[start] - more_s))
    return found


@pytest.mark.parametrize("count", [2, 7, 8, 9, 15, 16, 17, 200])
@pytest.mark.parametrize("seed", range(5))
def test_no_window_that_is_nearly_the_fastest_is_left_out(count, seed):
    generator = np.random.default_rng(seed)
    step_s = generator.integers(0, 4, count)  # samples of the same second, too
    step_m = generator.choice([0.0, 1.5, 2.0, 2.5], count) * step_s
    [piece] = read_track(np.cumsum(step_s).astype(float), np.cumsum(step_m)).pieces
    lengths_nm = [nanometers(each * piece.length_nm / 1e9) for each in (0.01, 0.3, 0.7, 1.0)]
    lengths_nm = [each for each in lengths_nm if 0 < each <= piece.length_nm]
    for length_nm, windows in zip(lengths_nm, fast_windows(piece, lengths_nm), strict=True):
        every = every_window(piece, length_nm)
        fastest_s = min(took_s for took_s, _ in every)
        starts_s = [start_s for _, _, start_s in windows]
        assert starts_s == sorted(starts_s)
        nearly = [pair for pair in every if pair[0] <= fastest_s + NEARLY_S / 2]
        assert {(round(took_s, 6), round(start_s, 6)) for took_s, start_s in nearly} <= {
            (round(took_s, 6), round(start_s, 6)) for took_s, _, start_s in windows
        }


def test_lengths_of_a_piece_may_be_none_at_all():
    [piece] = read_track([0.0, 10.0], [0.0, 30.0]).pieces
    assert fast_windows(piece, []) == []
