"""Splits: the parts of one recording of a kilometer or a mile each.

A part ends where its distance is first reached, so that a pause there belongs to the next one; the
last part ends with the recording. Pauses count in the elapsed and not in the moving time: a step
between samples is a pause if it is slower than 0.5 m/s, and lies in a stretch of 10 s or more that
is. Pace is moving time over distance. Distances follow the rules of efforts: they are scaled where
the activity's distance was corrected, and jumps that are not in it are left out.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, compress, pairwise, repeat
from operator import le, lt, mul, sub
from typing import Any

from athletics.distance import MILE_M
from athletics.grade_cost import HeightProfile, height_profile
from athletics.track import NM_PER_M, Track

SLOWEST_M_PER_S = 0.5
PAUSE_S = 10.0
LEAST_PART_M = 1.0
"""A rest shorter than this is no part of its own."""
MOST_SPLITS = 1_000
"""A recording of more parts has none: its distance is no runner's."""
_MOST_UNKNOWN = 0.05  # share of the samples without an altitude
_MOST_LEVEL = 20.0  # times the distance; beyond it the altitude is not sound

Column = Sequence[float | None]


class SplitUnit(StrEnum):
    """The length of a split."""

    KILOMETER = "KILOMETER"
    MILE = "MILE"

    @property
    def meters(self) -> float:
        return MILE_M if self is SplitUnit.MILE else 1000.0


@dataclass(frozen=True, slots=True)
class Split:
    """One part. `is_partial`: the last one, shorter than the unit. None: not recorded, not sound."""

    number: int
    start_offset_s: float
    distance_m: float
    elapsed_s: float
    moving_s: float
    is_partial: bool
    average_heart_rate_bpm: float | None
    elevation_change_m: float | None
    level_distance_m: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """A recording as one way: times and meters from its first sample, which never decrease.

    `moving_s` is the moving time up to each sample.
    """

    time_s: list[float]
    position_m: list[float]
    moving_s: list[float]

    @property
    def length_m(self) -> float:
        return self.position_m[-1]

    def reached(self, position_m: float) -> tuple[float, float]:
        """When a position was first reached, and the moving time until then."""
        after = bisect_left(self.position_m, position_m)
        if after == 0 or after == len(self.position_m):
            after = min(after, len(self.position_m) - 1)
            return self.time_s[after], self.moving_s[after]
        start_m, end_m = self.position_m[after - 1], self.position_m[after]
        share = (position_m - start_m) / (end_m - start_m)
        return (
            self.time_s[after - 1] + share * (self.time_s[after] - self.time_s[after - 1]),
            self.moving_s[after - 1] + share * (self.moving_s[after] - self.moving_s[after - 1]),
        )


def way_of(track: Track, distance_m: float) -> Way | None:
    """Join the pieces of a track; None without any.

    Jumps between them count if the activity's `distance_m` is nearer to the length with them.
    """
    if not track.pieces:
        return None
    jumps = [
        max(0.0, after.position_nm[0] - before.position_nm[-1])
        for before, after in pairwise(track.pieces)
    ]
    unbroken_m = sum(piece.length_nm for piece in track.pieces) / NM_PER_M
    whole_m = unbroken_m + sum(jumps) / NM_PER_M
    has_jumps = abs(whole_m - distance_m) <= abs(unbroken_m - distance_m)
    times: list[float] = []
    positions: list[float] = []
    for piece, jump_nm in zip(track.pieces, [0.0, *jumps], strict=True):
        begun_m = positions[-1] if positions else 0.0
        begun_m += jump_nm / NM_PER_M if has_jumps else 0.0
        first_nm = piece.position_nm[0]
        positions += [begun_m + (each - first_nm) / NM_PER_M for each in piece.position_nm]
        times += piece.time_s
    times = never_falling(times)
    return Way(times, positions, _moving(times, positions))


def never_falling(values: Sequence[float]) -> list[float]:
    """The values, with each that is less than one before replaced by that one."""
    if all(map(le, values, values[1:])):
        return list(values)
    return list(accumulate(values, max))


def splits(
    way: Way,
    unit: SplitUnit,
    *,
    sample_time_s: Sequence[float] = (),
    heart_rate_bpm: Column | None = None,
    profile: HeightProfile | None = None,
) -> list[Split]:
    """The parts of a way, in order.

    `heart_rate_bpm` is at `sample_time_s`, which never decreases.
    """
    if way.length_m < LEAST_PART_M or way.length_m / unit.meters > MOST_SPLITS:
        return []
    marks_m = list(_marks(way.length_m, unit.meters))
    ends = [*map(way.reached, marks_m[1:-1]), (way.time_s[-1], way.moving_s[-1])]
    starts = [(way.time_s[0], 0.0), *ends[:-1]]
    found = []
    for number, ((start_m, end_m), start, end) in enumerate(
        zip(pairwise(marks_m), starts, ends, strict=True), start=1
    ):
        is_last = number == len(ends)
        level_m = profile.level_distance_m(start_m, end_m) if profile else None
        found.append(
            Split(
                number=number,
                start_offset_s=start[0],
                distance_m=end_m - start_m,
                elapsed_s=end[0] - start[0],
                moving_s=end[1] - start[1],
                is_partial=is_last and end_m - start_m < unit.meters - LEAST_PART_M,
                average_heart_rate_bpm=_mean(
                    sample_time_s, heart_rate_bpm, start[0], end[0], is_last=is_last
                ),
                elevation_change_m=profile.climb_m(start_m, end_m) if profile else None,
                level_distance_m=level_m,
            )
        )
    return found


def profile_of(
    way: Way, sample_time_s: Sequence[float], altitude_m: Column | None
) -> HeightProfile | None:
    """The heights of a way; None where the altitudes are not sound."""
    if altitude_m is None:
        return None
    begun_s, ended_s = way.time_s[0], way.time_s[-1]
    is_known = [
        each is not None and begun_s <= time <= ended_s
        for time, each in zip(sample_time_s, altitude_m, strict=True)
    ]
    if is_known.count(True) < (1 - _MOST_UNKNOWN) * len(altitude_m):
        return None
    known: list[Any] = list(compress(altitude_m, is_known))
    made = height_profile(_positions_at(way, list(compress(sample_time_s, is_known))), known)
    if made is None or made.level_m[-1] > _MOST_LEVEL * max(way.length_m, 1.0):
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


def _moving(time_s: list[float], position_m: list[float]) -> list[float]:
    """The moving time up to each sample."""
    took_s = list(map(sub, time_s[1:], time_s))
    gained_m = map(sub, position_m[1:], position_m)
    is_slow = list(map(lt, gained_m, map(mul, took_s, repeat(SLOWEST_M_PER_S))))
    if any(is_slow):
        paused = zip(took_s, is_slow, _in_slow_stretch(time_s, position_m), strict=True)
        took_s = [0.0 if slow and in_stretch else step_s for step_s, slow, in_stretch in paused]
    return list(accumulate(took_s, initial=0.0))


def _in_slow_stretch(time_s: list[float], position_m: list[float]) -> list[bool]:
    """Whether each step lies in a stretch of PAUSE_S or more that is too slow."""
    slow = [False] * (len(time_s) - 1)
    end, marked = 0, 0
    for start in range(len(time_s)):
        while end < len(time_s) and time_s[end] - time_s[start] < PAUSE_S:
            end += 1
        if end == len(time_s):
            break
        lasted_s = time_s[end] - time_s[start]
        if position_m[end] - position_m[start] < SLOWEST_M_PER_S * lasted_s:
            for step in range(max(start, marked), end):
                slow[step] = True
            marked = max(marked, end)
    return slow


def _positions_at(way: Way, times_s: Sequence[float]) -> list[float]:
    """Positions at times that never decrease, within the way's."""
    if times_s == way.time_s:
        return way.position_m
    found, after = [], 0
    for at_s in times_s:
        while way.time_s[after] < at_s:
            after += 1
        if after == 0 or way.time_s[after] == at_s:
            found.append(way.position_m[after])
            continue
        share = (at_s - way.time_s[after - 1]) / (way.time_s[after] - way.time_s[after - 1])
        gained_m = way.position_m[after] - way.position_m[after - 1]
        found.append(way.position_m[after - 1] + share * gained_m)
    return found


def _mean(
    time_s: Sequence[float], column: Column | None, start_s: float, end_s: float, *, is_last: bool
) -> float | None:
    """The mean of a column's known values from `start_s` on, before `end_s` or, at last, at it."""
    if column is None:
        return None
    first, end = bisect_left(time_s, start_s), bisect_left(time_s, end_s)
    known = [each for each in column[first : len(column) if is_last else end] if each]
    return sum(known) / len(known) if known else None
