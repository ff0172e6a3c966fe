"""
The best efforts inside one activity, found in its time and distance streams.

A best effort over distance d is the least elapsed time of any window of exactly d metres, distance
interpolated linearly between stream samples, windows starting or ending at a sample; time includes
pauses. A window that starts at a sample ends at the earliest time its distance is reached; one that
ends at a sample starts at the latest time its distance was held. Of windows that take equally long,
to the nanosecond, the earliest counts.

No window spans a break of the track: two consecutive samples faster than 12 m/s apart, or of which
the second has the lesser time or distance. A repeated sample (neither time nor distance gained) is
no break.

Time as a function of distance is linear between samples, so the time a window takes is linear in its
place between those where one end meets a sample: the definition finds the least over all windows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite

from athletics.distance import StandardDistance

MAX_SPEED_M_PER_S = 12.0
TIE_S = 1e-9

# Positions are whole nanometres held in floats: exact up to 9,000 km, so that 100.1 + 400 meets 500.1 and a
# window that begins and ends with a pause does not swallow one of them by an error of rounding.
NM_PER_M = 1e9


class StreamError(ValueError):
    """The streams are no track: of unequal length, or with samples that are no finite numbers."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Both unrounded; `start_offset_s` is on the clock of the time stream."""

    elapsed_s: float
    start_offset_s: float


@dataclass(frozen=True, slots=True)
class _Segment:
    """
    An unbroken piece of track: neither time nor position decreases.

    `pace_s_per_nm` is that of the step which ends at the sample; 0 where no distance was gained.
    """

    time_s: list[float]
    position_nm: list[float]
    pace_s_per_nm: list[float]

    @property
    def length_nm(self) -> float:
        return self.position_nm[-1] - self.position_nm[0]


def best_efforts(
    time_s: Sequence[float],
    distance_m: Sequence[float],
    distances: Iterable[StandardDistance] = StandardDistance,
) -> dict[StandardDistance, Effort]:
    """
    The best effort for each of `distances` that an unbroken piece of the track is long enough for.

    `time_s` and `distance_m` are the samples, from the activity's start. No judgement of what is
    humanly possible is made here. StreamError for streams that are no track.
    """
    segments = list(_segments(_numbers("time", time_s), _numbers("distance", distance_m)))
    found = ((distance, _best_of_track(segments, _nanometers(distance.meters))) for distance in distances)
    return {distance: effort for distance, effort in found if effort is not None}


def _numbers(name: str, samples: Sequence[float]) -> list[float]:
    try:
        numbers = [float(sample) for sample in samples]
    except (TypeError, ValueError) as error:
        raise StreamError(f"The {name} stream has a sample that is no number: {error}") from error
    if not all(map(isfinite, numbers)):
        raise StreamError(f"The {name} stream has a sample that is not finite")
    return numbers


def _nanometers(meters: float) -> float:
    return (meters * NM_PER_M + 0.5) // 1.0


def _segments(time_s: list[float], distance_m: list[float]) -> Iterator[_Segment]:
    """The unbroken pieces in order; pieces of one sample are left out."""
    if len(time_s) != len(distance_m):
        raise StreamError(f"The streams differ in length: {len(time_s)} times, {len(distance_m)} distances")
    position_nm = [_nanometers(meters) for meters in distance_m]
    for start, end in pairwise([0, *_breaks(time_s, position_nm), len(time_s)]):
        if end - start > 1:
            yield _segment(time_s[start:end], position_nm[start:end])


def _segment(time_s: list[float], position_nm: list[float]) -> _Segment:
    steps = zip(pairwise(time_s), pairwise(position_nm), strict=True)
    pace_s_per_nm = [(t1 - t0) / (p1 - p0) if p1 > p0 else 0.0 for (t0, t1), (p0, p1) in steps]
    return _Segment(time_s, position_nm, [0.0, *pace_s_per_nm])


def _breaks(time_s: list[float], position_nm: list[float]) -> list[int]:
    """
    The indexes of samples that do not continue the track of the sample before.

    A time that goes back needs no test of its own: any distance but a negative one is too far for it.
    """
    limit_nm_per_s = MAX_SPEED_M_PER_S * NM_PER_M
    steps = zip(pairwise(time_s), pairwise(position_nm), strict=True)
    return [
        index
        for index, ((t0, t1), (p0, p1)) in enumerate(steps, start=1)
        if p1 < p0 or p1 - p0 > limit_nm_per_s * (t1 - t0)
    ]


def _best_of_track(segments: Iterable[_Segment], length_nm: float) -> Effort | None:
    best: Effort | None = None
    for segment in segments:
        if segment.length_nm >= length_nm:
            best = _best_of_segment(segment, length_nm, best)
    return best


def _best_of_segment(segment: _Segment, length_nm: float, best: Effort | None) -> Effort | None:
    """
    The better of `best` and the segment's best window of `length_nm`.

    Two pointers, one pass, in order of start: `goal` is where a window from the current sample ends,
    `end` the first sample at or beyond it. While `end` moves up to the goal, each sample it passes ends
    a window that starts between the previous and the current sample. Whole seconds between samples
    rule most windows out before anything is interpolated; this loop is the costly one, hence its shape.
    """
    time_s, pace_s_per_nm = segment.time_s, segment.pace_s_per_nm
    position_nm = [*segment.position_nm, inf]  # stops `end` without a test of length
    samples = len(time_s)
    elapsed_s, start_s = (best.elapsed_s, best.start_offset_s) if best else (inf, 0.0)
    bar_s = elapsed_s - TIE_S
    end = bisect_left(position_nm, position_nm[0] + length_nm)
    for t, p, pace in zip(time_s, position_nm, pace_s_per_nm):  # noqa: B905 - strict would refuse the sentinel
        goal = p + length_nm
        while position_nm[end] < goal:
            window_s = time_s[end] - t
            if window_s < bar_s:
                window_s += (goal - position_nm[end]) * pace
                if window_s < bar_s:
                    elapsed_s, start_s = window_s, time_s[end] - window_s
                    bar_s = window_s - TIE_S
            end += 1
        if end == samples:
            break
        if time_s[end - 1] - t < bar_s:
            window_s = time_s[end] - t - (position_nm[end] - goal) * pace_s_per_nm[end]
            if window_s < bar_s:
                elapsed_s, start_s = window_s, t
                bar_s = window_s - TIE_S
    return best if elapsed_s == inf else Effort(elapsed_s, start_s)
