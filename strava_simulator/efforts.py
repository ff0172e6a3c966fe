"""Strava's best efforts and splits from samples, by the simulator's own sliding window.

It does not use `athletics` on purpose: two implementations that agree test each other.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

MILE_M = 1609.344
# Strava's list: name, the distance that its API reports, the exact distance in meters.
STRAVA_DISTANCES = (
    ("400m", 400, 400.0),
    ("1/2 mile", 805, MILE_M / 2),
    ("1k", 1000, 1000.0),
    ("1 mile", 1609, MILE_M),
    ("2 mile", 3219, 2 * MILE_M),
    ("5k", 5000, 5000.0),
    ("10k", 10000, 10_000.0),
    ("15k", 15000, 15_000.0),
    ("10 mile", 16090, 10 * MILE_M),
    ("20k", 20000, 20_000.0),
    ("Half-Marathon", 21097, 21_097.5),
    ("30k", 30000, 30_000.0),
    ("Marathon", 42195, 42_195.0),
    ("50k", 50000, 50_000.0),
)
# If two samples are faster than this, the recording is broken: no human runs so fast.
_FASTEST_M_S = 12.0
_JUDGED_S = (5.0, 10.0)


class Window(NamedTuple):
    """A stretch of a recording.

    Times are seconds from its start; indices are of the samples at or around its ends.
    """

    elapsed_s: float
    start_s: float
    start_index: int
    end_index: int


class DistanceSplit(NamedTuple):
    """One of consecutive stretches of equal distance; the last one is shorter."""

    distance_m: float
    elapsed_s: int
    start_s: int
    start_index: int
    end_index: int


def fastest_window(
    time_s: Sequence[float], distance_m: Sequence[float], length_m: float
) -> Window | None:
    """The fastest window of exactly `length_m` that starts or ends at a sample.

    None if no unbroken stretch is long enough.
    """
    windows = (
        window
        for first, last in _unbroken(tuple(time_s), tuple(distance_m))
        if distance_m[last] - distance_m[first] >= length_m
        for window in _windows(time_s, distance_m, length_m, first, last)
    )
    quickest = min(windows, default=None)
    return Window(*quickest) if quickest else None


@lru_cache(maxsize=4)
def _unbroken(time_s: tuple[float, ...], distance_m: tuple[float, ...]) -> list[tuple[int, int]]:
    """First and last index of the stretches between jumps, in order."""
    first, found = 0, []
    for index, ((t0, d0), (t1, d1)) in enumerate(
        pairwise(zip(time_s, distance_m, strict=True)), start=1
    ):
        is_fast = d1 - d0 > _FASTEST_M_S * (t1 - t0)
        if d1 < d0 or t1 < t0 or (is_fast and _is_jump(time_s, distance_m, index)):
            found.append((first, index - 1))
            first = index
    if time_s:
        found.append((first, len(time_s) - 1))
    return found


def _is_jump(time_s: Sequence[float], distance_m: Sequence[float], index: int) -> bool:
    """Whether the step that ends at `index` lies in a stretch of 5 to 10 s that is too fast."""
    begin_s, end_s = time_s[index - 1], time_s[index]
    first = bisect_left(time_s, begin_s - _JUDGED_S[1])
    near = time_s[first : bisect_right(time_s, end_s + _JUDGED_S[1])]
    stretches = [
        *((start, end) for start in near if start <= begin_s for end in near if end >= end_s),
        *((t, t + _JUDGED_S[0]) for t in near),
        *((t - _JUDGED_S[0], t) for t in near),
    ]
    return any(
        _meters_at(time_s, distance_m, end) - _meters_at(time_s, distance_m, start)
        > _FASTEST_M_S * (end - start)
        for start, end in stretches
        if _JUDGED_S[0] <= end - start <= _JUDGED_S[1]
        and time_s[0] <= start < end_s
        and begin_s < end <= time_s[-1]
    )


def _meters_at(time_s: Sequence[float], distance_m: Sequence[float], at_s: float) -> float:
    after = bisect_left(time_s, at_s)
    if time_s[after] == at_s:
        return distance_m[after]
    share = (at_s - time_s[after - 1]) / (time_s[after] - time_s[after - 1])
    return distance_m[after - 1] + share * (distance_m[after] - distance_m[after - 1])


def _windows(
    time_s: Sequence[float], distance_m: Sequence[float], length_m: float, first: int, last: int
) -> Iterator[tuple[float, float, int, int]]:
    """The fields of windows forwards and backwards from every sample from `first` to `last`."""
    ahead = behind = first
    for index in range(first, last + 1):
        while ahead < last and distance_m[ahead] < distance_m[index] + length_m:
            ahead += 1
        if distance_m[ahead] >= distance_m[index] + length_m:
            end_s = _time_at(time_s, distance_m, distance_m[index] + length_m, ahead)
            yield end_s - time_s[index], time_s[index], index, ahead
        while behind < last and distance_m[behind + 1] <= distance_m[index] - length_m:
            behind += 1
        if distance_m[behind] <= distance_m[index] - length_m:
            start_s = _latest_time_at(time_s, distance_m, distance_m[index] - length_m, behind)
            yield time_s[index] - start_s, start_s, behind, index


def _time_at(
    time_s: Sequence[float], distance_m: Sequence[float], at_m: float, after: int
) -> float:
    """When `at_m` was reached, by linear interpolation.

    `after` is the first sample at or beyond it.
    """
    if after == 0 or distance_m[after] == distance_m[after - 1]:
        return time_s[after]
    share = (at_m - distance_m[after - 1]) / (distance_m[after] - distance_m[after - 1])
    return time_s[after - 1] + share * (time_s[after] - time_s[after - 1])


def _latest_time_at(
    time_s: Sequence[float], distance_m: Sequence[float], at_m: float, before: int
) -> float:
    """When `at_m` was left, by linear interpolation.

    `before` is the last sample at or before it.
    """
    share = (at_m - distance_m[before]) / (distance_m[before + 1] - distance_m[before])
    return time_s[before] + share * (time_s[before + 1] - time_s[before])


def splits(
    time_s: Sequence[float], distance_m: Sequence[float], length_m: float
) -> Iterator[DistanceSplit]:
    """Consecutive stretches of `length_m` from the start, in whole seconds with the right total."""
    start_m, start_s, start = distance_m[0], time_s[0], 0
    while start_m < distance_m[-1]:
        end_m = min(start_m + length_m, distance_m[-1])
        end = bisect_left(distance_m, end_m)
        end_s = (
            round(_time_at(time_s, distance_m, end_m, end))
            if end_m < distance_m[-1]
            else round(time_s[-1])
        )
        yield DistanceSplit(
            round(end_m - start_m, 1), end_s - round(start_s), round(start_s), start, end
        )
        start_m, start_s, start = end_m, end_s, end
