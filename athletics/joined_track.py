"""A recording's track as one line, with its moving time: what splits and sums count by.

A step between samples is a pause if it is slower than 0.5 m/s, and lies in a stretch of 10 s or more
that is. Distances follow the rules of efforts: they are scaled where the activity's distance was
corrected, and jumps that are not in it are left out.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from athletics.columns import Column, Flags, Floats, Integers, floats
from athletics.track import NM_PER_M, Track

SLOWEST_M_PER_S = 0.5
PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class JoinedTrack:
    """The pieces of a track joined: times and meters from its first sample, which never decrease.

    `moving_s` is the moving time up to each sample.
    """

    time_s: Floats
    position_m: Floats
    moving_s: Floats

    @property
    def length_m(self) -> float:
        return float(self.position_m[-1])

    def reached(self, position_m: Floats) -> list[tuple[float, float]]:
        """When each position was first reached, and the moving time until then."""
        after = np.searchsorted(self.position_m, position_m)
        is_between = (after > 0) & (after < len(self.position_m))
        after = np.minimum(after, len(self.position_m) - 1)
        before = np.maximum(after - 1, 0)
        start_m, end_m = self.position_m[before], self.position_m[after]
        share = np.ones(len(after))
        np.divide(position_m - start_m, end_m - start_m, out=share, where=is_between)
        found = (
            np.where(is_between, each[before] + share * (each[after] - each[before]), each[after])
            for each in (self.time_s, self.moving_s)
        )
        return list(zip(*(each.tolist() for each in found), strict=True))


def join_pieces(track: Track, distance_m: float) -> JoinedTrack | None:
    """Join the pieces of a track; None without any.

    Jumps between them count if the activity's `distance_m` is nearer to the length with them.
    """
    if not track.pieces:
        return None
    jumps = [
        max(0.0, float(after.position_nm[0] - before.position_nm[-1]))
        for before, after in pairwise(track.pieces)
    ]
    unbroken_m = sum(piece.length_nm for piece in track.pieces) / NM_PER_M
    whole_m = unbroken_m + sum(jumps) / NM_PER_M
    has_jumps = abs(whole_m - distance_m) <= abs(unbroken_m - distance_m)
    positions: list[Floats] = []
    begun_m = 0.0
    for piece, jump_nm in zip(track.pieces, [0.0, *jumps], strict=True):
        begun_m += jump_nm / NM_PER_M if has_jumps else 0.0
        positions.append(begun_m + (piece.position_nm - piece.position_nm[0]) / NM_PER_M)
        begun_m = float(positions[-1][-1])
    time_s = never_falling(np.concatenate([piece.time_s for piece in track.pieces]))
    position_m = np.concatenate(positions)
    return JoinedTrack(time_s, position_m, _moving(time_s, position_m))


def never_falling(values: Column) -> Floats:
    """The values, with each that is less than one before replaced by that one."""
    return np.maximum.accumulate(floats(values))


def _moving(time_s: Floats, position_m: Floats) -> Floats:
    """The moving time up to each sample."""
    took_s = np.diff(time_s)
    is_slow = np.diff(position_m) < took_s * SLOWEST_M_PER_S
    if is_slow.any():
        took_s[is_slow & _in_slow_stretch(time_s, position_m)] = 0.0
    return np.append(0.0, np.cumsum(took_s))


def _in_slow_stretch(time_s: Floats, position_m: Floats) -> Flags:
    """Whether each step lies in a stretch of PAUSE_S or more that is too slow."""
    end = _behind_pauses(time_s)
    start = np.flatnonzero(end < len(time_s))
    end = end[start]
    lasted_s = time_s[end] - time_s[start]
    is_slow = position_m[end] - position_m[start] < SLOWEST_M_PER_S * lasted_s
    begun = np.bincount(start[is_slow], minlength=len(time_s))
    ended = np.bincount(end[is_slow], minlength=len(time_s))
    return np.cumsum(begun - ended)[:-1] > 0


def _behind_pauses(time_s: Floats) -> Integers:
    """The first sample at least PAUSE_S after each one; the number of samples where none is."""
    is_new = np.append(True, time_s[1:] > time_s[:-1])
    first = np.flatnonzero(is_new)
    moments = time_s[first]
    found = np.searchsorted(moments, moments + PAUSE_S)
    # Sums and differences are rounded, each by itself: the difference counts.
    for _ in range(2):
        found -= moments[found - 1] - moments >= PAUSE_S
    ahead = np.append(moments, np.inf)
    for _ in range(2):
        found += ahead[found] - moments < PAUSE_S
    behind: Integers = np.append(first, len(time_s))[found][np.cumsum(is_new) - 1]
    return behind
