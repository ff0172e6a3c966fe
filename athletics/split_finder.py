"""Finds the splits of one recording: its parts of a kilometer or a mile each.

A part ends where its distance is first reached, so that a pause there belongs to the next one; the
last part ends with the recording. Pauses count in the elapsed and not in the moving time: a step
between samples is a pause if it is slower than 0.5 m/s, and lies in a stretch of 10 s or more that
is. Pace is moving time over distance. Distances follow the rules of efforts: they are scaled where
the activity's distance was corrected, and jumps that are not in it are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from athletics.columns import Column, Flags, Floats, Integers, floats, total
from athletics.grade_cost import HeightProfile, height_profile
from athletics.split import Split, SplitUnit
from athletics.track import NM_PER_M, Track

SLOWEST_M_PER_S = 0.5
PAUSE_S = 10.0
LEAST_PART_M = 1.0
"""A rest shorter than this is no part of its own."""
MOST_SPLITS = 1_000
"""A recording of more parts has none: its distance is no runner's."""
_MOST_UNKNOWN = 0.05  # share of the samples without an altitude
_MOST_LEVEL = 20.0  # times the distance; beyond it the altitude is not sound


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


def splits(
    track: JoinedTrack,
    unit: SplitUnit,
    *,
    sample_time_s: Column = (),
    heart_rate_bpm: Column | None = None,
    profile: HeightProfile | None = None,
) -> list[Split]:
    """The parts of a track, in order.

    `heart_rate_bpm` is at `sample_time_s`, which never decreases.
    """
    if track.length_m < LEAST_PART_M or track.length_m / unit.meters > MOST_SPLITS:
        return []
    marks_m = list(_marks(track.length_m, unit.meters))
    ends = track.reached(np.array(marks_m[1:-1]))
    ends.append((float(track.time_s[-1]), float(track.moving_s[-1])))
    starts = [(float(track.time_s[0]), 0.0), *ends[:-1]]
    rates = _means(sample_time_s, heart_rate_bpm, [each for each, _ in starts])
    found = []
    for number, ((start_m, end_m), start, end, rate) in enumerate(
        zip(pairwise(marks_m), starts, ends, rates, strict=True), start=1
    ):
        is_last = number == len(ends)
        found.append(
            Split(
                number=number,
                start_offset_s=start[0],
                distance_m=end_m - start_m,
                elapsed_s=end[0] - start[0],
                moving_s=end[1] - start[1],
                is_partial=is_last and end_m - start_m < unit.meters - LEAST_PART_M,
                average_heart_rate_bpm=rate,
                elevation_change_m=profile.climb_m(start_m, end_m) if profile else None,
                level_distance_m=profile.level_distance_m(start_m, end_m) if profile else None,
            )
        )
    return found


def profile_of(
    track: JoinedTrack, sample_time_s: Column, altitude_m: Column | None
) -> HeightProfile | None:
    """The heights along a track; None where the altitudes are not sound."""
    if altitude_m is None:
        return None
    times_s, heights_m = floats(sample_time_s), floats(altitude_m)
    is_known = ~np.isnan(heights_m) & (track.time_s[0] <= times_s) & (times_s <= track.time_s[-1])
    if np.count_nonzero(is_known) < (1 - _MOST_UNKNOWN) * len(heights_m):
        return None
    made = height_profile(_positions_at(track, times_s[is_known]), heights_m[is_known])
    if made is None or made.level_m[-1] > _MOST_LEVEL * max(track.length_m, 1.0):
        return None
    return made


def _marks(length_m: float, unit_m: float) -> Iterator[float]:
    """Where parts begin and end; a rest of less than LEAST_PART_M belongs to the last part."""
    whole = int((length_m + LEAST_PART_M) // unit_m)
    yield from (number * unit_m for number in range(whole or 1))
    last_m = whole * unit_m
    if not whole or length_m - last_m < LEAST_PART_M:
        yield length_m
        return
    yield last_m
    yield length_m


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


def _positions_at(track: JoinedTrack, times_s: Floats) -> Floats:
    """Positions at times that never decrease, within the track's."""
    if np.array_equal(times_s, track.time_s):
        return track.position_m
    after = np.searchsorted(track.time_s, times_s)
    before = np.maximum(after - 1, 0)
    took_s = track.time_s[after] - track.time_s[before]
    share = np.ones(len(after))
    np.divide(
        times_s - track.time_s[before], took_s, out=share, where=track.time_s[after] != times_s
    )
    start_m, end_m = track.position_m[before], track.position_m[after]
    return np.where(track.time_s[after] == times_s, end_m, start_m + share * (end_m - start_m))


def _means(time_s: Column, column: Column | None, starts_s: list[float]) -> list[float | None]:
    """The means of a column's known values from each start up to the next one, or to the end."""
    if column is None:
        return [None] * len(starts_s)
    values = floats(column)
    bounds = [*np.searchsorted(floats(time_s), starts_s).tolist(), len(values)]
    parts = (values[first:end] for first, end in pairwise(bounds))
    known = (part[(part != 0) & ~np.isnan(part)] for part in parts)
    return [total(each) / len(each) if len(each) else None for each in known]
