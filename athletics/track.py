"""The track of one recording: its samples, cleaned, in pieces that a best effort may span.

The rules, in order:
- A time that goes back breaks the track, and so does a distance that goes back by a meter or more.
  A smaller dip counts as standing still.
- A jump that makes up for the standstill before it does not break the track: the position was
  held, for example in a tunnel, and then caught up. The jump is spread over the standstill at the
  recording's usual speed, so that no window gains distance from it. A jump is one or more steps
  faster than 12 m/s, together a meter or longer.
- Speed is judged over 5 s and more, because recorded times are whole seconds: samples of the same
  second and single catch-ups break nothing. Where any such window is faster than 12 m/s, its steps
  that are faster than 12 m/s break the track. Windows of 5 to 10 s are enough: a longer one that
  is too fast holds one of these that is.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

import numpy as np

from athletics.columns import Column, Floats, floats
from athletics.sample_bounds import LARGEST

MAX_SPEED_M_PER_S = 12.0
JUDGED_OVER_S = 5.0
LEAST_DIP_M = 1.0
"""A distance that goes back by this much breaks the track; a position within it is held."""

# Positions are whole nanometers held in floats: exact up to 9,000 km, so that 100.1 + 400 meets
# 500.1 and a window that begins and ends with a pause does not swallow one of them by an error of
# rounding.
NM_PER_M = 1e9
_LIMIT_NM_PER_S = MAX_SPEED_M_PER_S * NM_PER_M
_LEAST_DIP_NM = LEAST_DIP_M * NM_PER_M
_ROUNDING_NM = 1e3  # of products of time and speed
_LONGEST_JUDGED_S = 2 * JUDGED_OVER_S


class StreamError(ValueError):
    """The streams are no track: of unequal length, or with samples that are no usable numbers."""


@dataclass(frozen=True, slots=True)
class TrackPiece:
    """An unbroken piece of track: neither time nor position decreases.

    `pace_s_per_nm` is that of the step which ends at the sample; 0 where no distance was gained.
    """

    time_s: Floats
    position_nm: Floats
    pace_s_per_nm: Floats

    @property
    def length_nm(self) -> float:
        return float(self.position_nm[-1] - self.position_nm[0])


@dataclass(frozen=True, slots=True)
class Track:
    """`pieces` are in order and of two samples or more; `is_broken`: there are breaks."""

    pieces: tuple[TrackPiece, ...]
    is_broken: bool


def read_track(time_s: Column, distance_m: Column, *, scale: float = 1.0) -> Track:
    """Clean the samples; `scale` multiplies each distance.

    Raises StreamError for streams that are no track.
    """
    times, meters = numbers("time", time_s), numbers("distance", distance_m)
    if len(times) != len(meters):
        raise StreamError(
            f"The streams differ in length: {len(times)} times, {len(meters)} distances"
        )
    positions_nm = np.floor(meters * (NM_PER_M * scale) + 0.5)
    if _is_unbroken(times, positions_nm):
        pieces = [_piece(times, positions_nm)] if len(times) > 1 else []
        return Track(tuple(pieces), is_broken=False)
    parts = list(_unbroken(times.tolist(), positions_nm.tolist()))
    return Track(
        tuple(_piece(*map(np.array, part)) for part in parts if len(part[0]) > 1),
        is_broken=len(parts) > 1,
    )


def numbers(name: str, samples: Column) -> Floats:
    """The samples as floats. Raises StreamError for one that is none, not finite or too large."""
    try:
        found = floats(samples)
    except (TypeError, ValueError, OverflowError) as error:
        raise StreamError(f"The {name} stream has a sample that is no number: {error}") from error
    if not (np.abs(found) < LARGEST).all():  # NaN is not, too
        raise StreamError(f"The {name} stream has a sample that is not finite, or out of range")
    return found


def nanometers(meters: float) -> float:
    return (meters * NM_PER_M + 0.5) // 1.0


def _is_unbroken(time_s: Floats, position_nm: Floats) -> bool:
    """Whether nothing goes back or jumps, as in most recordings."""
    gained_nm = np.diff(position_nm)
    return bool((gained_nm >= 0).all() and (gained_nm <= np.diff(time_s) * _LIMIT_NM_PER_S).all())


_Samples = tuple[list[float], list[float]]  # times and positions


def _unbroken(time_s: list[float], position_nm: list[float]) -> Iterator[_Samples]:
    for times, positions in _split(time_s, position_nm, _turns_back(time_s, position_nm)):
        times, positions = _without_catch_ups(times, list(accumulate(positions, max)))  # noqa: PLW2901
        yield from _split(times, positions, _too_fast(times, positions))


def _split(
    time_s: list[float], position_nm: list[float], breaks: Sequence[int]
) -> Iterator[_Samples]:
    for start, end in pairwise([0, *breaks, len(time_s)]):
        yield time_s[start:end], position_nm[start:end]


def _turns_back(time_s: list[float], position_nm: list[float]) -> list[int]:
    """Indexes of samples that go back in time, or by a meter or more in distance."""
    steps = zip(pairwise(time_s), pairwise(position_nm), strict=True)
    return [
        index
        for index, ((t0, t1), (p0, p1)) in enumerate(steps, start=1)
        if t1 < t0 or p0 - p1 >= _LEAST_DIP_NM
    ]


# --- jumps that a standstill explains


def _without_catch_ups(time_s: list[float], position_nm: list[float]) -> _Samples:
    """The samples with each explained jump spread over the standstill before it."""
    jumps = [
        jump for jump in _jumps(time_s, position_nm) if _is_explained(time_s, position_nm, jump)
    ]
    if not jumps:
        return time_s, position_nm
    speed_nm_per_s = _usual_speed(time_s, position_nm)
    times: list[float] = []
    positions: list[float] = []
    done = 0
    for held, start, end in jumps:
        gained_nm = position_nm[end] - position_nm[start]
        moving_s = gained_nm / speed_nm_per_s if speed_nm_per_s else inf
        moved_on_s = max(time_s[held], time_s[end] - moving_s)
        kept = min(start, bisect_left(time_s, moved_on_s, held, start))
        times += [*time_s[done:kept], min(moved_on_s, time_s[start])]
        positions += [*position_nm[done:kept], position_nm[start]]
        done = end
    return times + time_s[done:], positions + position_nm[done:]


_Jump = tuple[
    int, int, int
]  # the samples where the standstill begins, where it ends, after the jump


def _jumps(time_s: list[float], position_nm: list[float]) -> Iterator[_Jump]:
    """The jumps of a meter or longer, in order, with the standstill before each."""
    samples, end = len(time_s), 0
    for start in range(samples - 1):
        if start < end or not _is_fast(time_s, position_nm, start + 1):
            continue
        held, last_end, end = start, end, start + 1
        while end + 1 < samples and _is_fast(time_s, position_nm, end + 1):
            end += 1
        if position_nm[end] - position_nm[start] < _LEAST_DIP_NM:
            continue
        while held > last_end and position_nm[start] - position_nm[held - 1] < _LEAST_DIP_NM:
            held -= 1
        yield held, start, end


def _is_fast(time_s: list[float], position_nm: list[float], index: int) -> bool:
    """Whether the step that ends at `index` is faster than the limit."""
    gained_nm = position_nm[index] - position_nm[index - 1]
    return gained_nm > _LIMIT_NM_PER_S * (time_s[index] - time_s[index - 1])


def _is_explained(time_s: list[float], position_nm: list[float], jump: _Jump) -> bool:
    held, start, end = jump
    stood_s = time_s[end] - time_s[held]
    return (
        time_s[start] > time_s[held]
        and position_nm[end] - position_nm[held] <= _LIMIT_NM_PER_S * stood_s
    )


def _usual_speed(time_s: list[float], position_nm: list[float]) -> float:
    """Average speed in nm/s over all steps that are neither a standstill nor too fast; else 0."""
    gained_nm = moving_s = 0.0
    for (t0, t1), (p0, p1) in zip(pairwise(time_s), pairwise(position_nm), strict=True):
        if 0 < p1 - p0 <= _LIMIT_NM_PER_S * (t1 - t0):
            gained_nm += p1 - p0
            moving_s += t1 - t0
    return gained_nm / moving_s if moving_s else 0.0


# --- speed over 5 s and more


def _too_fast(time_s: list[float], position_nm: list[float]) -> list[int]:
    """Indexes of samples that end a step faster than the limit inside a window that is, too."""
    fast = [index for index in range(1, len(time_s)) if _is_fast(time_s, position_nm, index)]
    if not fast:
        return []
    if time_s[-1] - time_s[0] < JUDGED_OVER_S:
        # Any window of 5 s around it gains as much.
        is_too_fast = position_nm[-1] - position_nm[0] > _LIMIT_NM_PER_S * JUDGED_OVER_S
        return fast if is_too_fast else []
    # Above its value at the start of a window: the window is faster than the limit.
    ahead_nm = [p - _LIMIT_NM_PER_S * t for t, p in zip(time_s, position_nm, strict=True)]
    windows = list(_fast_windows(time_s, ahead_nm))
    last = len(time_s) - 1
    mirrored = _fast_windows([-t for t in reversed(time_s)], [-x for x in reversed(ahead_nm)])
    windows += [(last - end, last - start) for start, end in mirrored]
    return sorted(
        {
            fast[place]
            for start, end in windows
            for place in range(bisect_left(fast, start + 1), bisect_left(fast, end + 1))
        }
    )


def _fast_windows(time_s: list[float], ahead_nm: list[float]) -> Iterator[tuple[int, int]]:
    """Windows of 5 to 10 s that end at a sample and are too fast, by the samples around them.

    They start at a sample, or exactly 5 s before their end. Of those with one end the longest.
    """
    starts: deque[int] = deque()  # 5 to 10 s back, `ahead_nm` rising: the first is the least
    next_start = 0
    for end, (end_s, reached_nm) in enumerate(zip(time_s, ahead_nm, strict=True)):
        while time_s[next_start] <= end_s - JUDGED_OVER_S:
            while starts and ahead_nm[starts[-1]] >= ahead_nm[next_start]:
                starts.pop()
            starts.append(next_start)
            next_start += 1
        while starts and time_s[starts[0]] < end_s - _LONGEST_JUDGED_S:
            starts.popleft()
        if starts and reached_nm > ahead_nm[starts[0]] + _ROUNDING_NM:
            earliest = bisect_left(time_s, end_s - _LONGEST_JUDGED_S)
            while reached_nm <= ahead_nm[earliest] + _ROUNDING_NM:
                earliest += 1
            yield earliest, end
        elif next_start:
            share = (end_s - JUDGED_OVER_S - time_s[next_start - 1]) / (
                time_s[next_start] - time_s[next_start - 1]
            )
            before_nm, after_nm = ahead_nm[next_start - 1], ahead_nm[next_start]
            if reached_nm > before_nm + (after_nm - before_nm) * share + _ROUNDING_NM:
                yield next_start - 1, end


def _piece(time_s: Floats, position_nm: Floats) -> TrackPiece:
    took_s, gained_nm = np.diff(time_s), np.diff(position_nm)
    pace_s_per_nm = np.zeros(len(time_s))
    np.divide(took_s, gained_nm, out=pace_s_per_nm[1:], where=gained_nm > 0)
    return TrackPiece(time_s, position_nm, pace_s_per_nm)
