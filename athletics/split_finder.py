"""Finds the splits of one recording: its parts of a kilometer or a mile each.

A part ends where its distance is first reached, so that a pause there belongs to the next one; the
last part ends with the recording. Pauses count in the elapsed and not in the moving time
(`athletics/joined_track.py`). Pace is moving time over distance.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from athletics.columns import Column, Floats, floats
from athletics.grade_cost import HeightProfile, height_profile
from athletics.joined_track import JoinedTrack
from athletics.split import Split, SplitUnit

LEAST_PART_M = 1.0
"""A rest shorter than this is no part of its own."""
MOST_SPLITS = 1_000
"""A recording of more parts has none: its distance is no runner's."""
_MOST_UNKNOWN = 0.05  # share of the samples without an altitude
_MOST_LEVEL = 20.0  # times the distance; beyond it the altitude is not sound


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
    bounds = [0, *np.searchsorted(floats(time_s), starts_s).tolist(), len(values)]
    part = np.arange(len(bounds) - 1).repeat(np.diff(bounds))  # the first is before all starts
    is_known = (values != 0) & ~np.isnan(values)
    part = part[is_known]
    counts = np.bincount(part, minlength=len(bounds) - 1).tolist()
    sums = np.bincount(part, values[is_known], len(bounds) - 1).tolist()  # each added up in order
    means = (whole / count if count else None for whole, count in zip(sums, counts, strict=True))
    return list(means)[1:]
