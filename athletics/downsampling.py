"""Chooses the samples of a recording that a chart needs, for any number of points.

Every sample gets a level. The samples up to a level are a chart of the whole recording, and contain
those of all lower levels. They are chosen by largest-triangle-three-buckets (Sveinn Steinarsson,
"Downsampling Time Series for Visual Representation", 2013), from the finest level to the coarsest,
with the triangles of all curves added up. First of all come the ends of the recording, the extremes
of each curve and the ends of its pauses and gaps, as far as they are at most half of a level.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite, sqrt
from statistics import median

Curve = Sequence[float | None]

LEAST_GAP_S = 10.0
"""A pause is at least as long as this, and so are times without a value that are worth showing."""
_GAP_INTERVALS = 5  # and a gap as long as so many usual intervals
_STANDING_M_PER_S = 0.4
_SPEED_WINDOW = 5  # samples on either side
QUARTERS = 4
"""Levels for each doubling of the points."""


def gap_counts(time_s: Sequence[float]) -> list[int]:
    """Count the gaps before each sample.

    A gap is a time of at least `LEAST_GAP_S`, and of five usual intervals, without a sample.
    """
    steps = [after - before for before, after in pairwise(time_s)]
    least_s = max(LEAST_GAP_S, _GAP_INTERVALS * median(steps)) if steps else LEAST_GAP_S
    counts = [0] if time_s else []
    for step in steps:
        counts.append(counts[-1] + (step >= least_s))
    return counts


def sample_levels(
    time_s: Sequence[float], distance_m: Sequence[float], curves: Sequence[Curve]
) -> list[int]:
    """Give each sample its level, 0 for the first one and 1 for the last.

    The samples up to level 4n-1 are 2ⁿ, or all. `curves` are recorded beside the distance, which
    counts as its speed.
    """
    count = len(time_s)
    levels = [0] * count
    if count > 1:
        levels[-1] = 1
    scaled = [
        found
        for curve in (_speeds(time_s, distance_m), *curves)
        if (found := _scaled(_filled(curve)))
    ]
    wanted = _wanted(time_s, distance_m, scaled, curves)
    current = list(range(count))
    octave = (count - 1).bit_length() - 1
    while octave >= 1:
        chosen, dropped = _halved(current, 1 << octave, wanted, time_s, scaled)
        quarter = max(1, -(-len(dropped) // QUARTERS))
        for place, index in enumerate(dropped):
            levels[index] = QUARTERS * octave + min(place // quarter, QUARTERS - 1)
        current = chosen
        octave -= 1
    return levels


def points_up_to(levels: Sequence[int], most: int) -> list[int]:
    """Get the places of `most` points in time order, or of all: those of the lowest levels.

    Of the last level that takes part, they are evenly spread.
    """
    if len(levels) <= most:
        return list(range(len(levels)))
    last, kept = _last_level(levels, most)
    rest = [place for place, level in enumerate(levels) if level == last]
    taken = {rest[number * len(rest) // (most - kept)] for number in range(most - kept)}
    return [place for place, level in enumerate(levels) if level < last or place in taken]


def _last_level(levels: Sequence[int], most: int) -> tuple[int, int]:
    """Find the level that only takes part in part, and how many points are below it."""
    counts = [0] * (max(levels) + 1)
    for level in levels:
        counts[level] += 1
    kept = 0
    for level, found in enumerate(counts):
        if kept + found >= most:
            return level, kept
        kept += found
    raise AssertionError("there are more levels than points")


def _halved(
    current: Sequence[int],
    size: int,
    wanted: Sequence[int],
    time_s: Sequence[float],
    curves: Sequence[Sequence[float]],
) -> tuple[list[int], list[int]]:
    """Choose `size` of the current samples. Also returns the others, the most important first."""
    kept = {current[0], current[-1], *wanted[: max(0, size // 2 - 2)]}
    free = [index for index in current if index not in kept]
    chosen = set(kept)
    areas: dict[int, float] = {}
    before = current[0]
    for bucket, following in _buckets(free, size - len(kept), current[-1]):
        best, most = bucket[0], -1.0
        width = len(following)
        ahead = (
            sum([time_s[each] for each in following]) / width,
            [sum([curve[each] for each in following]) / width for curve in curves],
        )
        for each in bucket:
            area = _area(time_s, curves, before, each, ahead)
            areas[each] = area
            if area > most:
                best, most = each, area
        chosen.add(best)
        before = best
    dropped = [each for each in free if each not in chosen]
    dropped.sort(key=lambda each: -areas.get(each, 0.0))
    return sorted(chosen), dropped


def _buckets(
    free: Sequence[int], count: int, last: int
) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Divide samples into `count` parts, each with the part that follows it."""
    bounds = [number * len(free) // count for number in range(count + 1)] if count > 0 else []
    parts = [free[start:end] for start, end in pairwise(bounds)]
    yield from pairwise([*parts, [last]])


def _area(
    time_s: Sequence[float],
    curves: Sequence[Sequence[float]],
    before: int,
    each: int,
    ahead: tuple[float, Sequence[float]],
) -> float:
    """Compute the areas of the triangles between three points of each curve, added up."""
    ahead_s, values = ahead
    whole_s = ahead_s - time_s[before]
    part_s = time_s[each] - time_s[before]
    return sum(
        [
            abs(whole_s * (curve[each] - curve[before]) - part_s * (end - curve[before]))
            for curve, end in zip(curves, values, strict=True)
        ]
    )


# --- what is wanted first


def _wanted(
    time_s: Sequence[float],
    distance_m: Sequence[float],
    scaled: Sequence[Sequence[float]],
    curves: Sequence[Curve],
) -> list[int]:
    """List samples that are to be kept, the most important first.

    They are the extremes, then the ends of gaps, of times at rest and of times without a value,
    the longest first.
    """
    found: dict[int, None] = {}
    for curve in scaled:
        found[curve.index(max(curve))] = found[curve.index(min(curve))] = None
    spans = [*_gaps(time_s), *_rests(time_s, distance_m)]
    for each in curves:
        spans += _blanks(time_s, each)
    spans.sort(key=lambda span: time_s[span[0]] - time_s[span[-1]])
    for span in spans:
        found.update(dict.fromkeys(span))
    return list(found)


def _gaps(time_s: Sequence[float]) -> Iterator[tuple[int, ...]]:
    counts = gap_counts(time_s)
    for place in range(1, len(counts)):
        if counts[place] > counts[place - 1]:
            yield place - 1, place


def _rests(time_s: Sequence[float], distance_m: Sequence[float]) -> Iterator[tuple[int, ...]]:
    """Find the times at rest, by their first and last sample."""
    start = 0
    for place in range(1, len(time_s) + 1):
        if place < len(time_s) and (
            distance_m[place] - distance_m[place - 1]
            < _STANDING_M_PER_S * (time_s[place] - time_s[place - 1])
        ):
            continue
        if time_s[place - 1] - time_s[start] >= LEAST_GAP_S:
            yield start, place - 1
        start = place


def _blanks(time_s: Sequence[float], curve: Curve) -> Iterator[tuple[int, ...]]:
    """Find the times without a value: the last sample before, the ends, the first one after."""
    start: int | None = None
    for place, value in enumerate([*curve, 0.0]):
        if value is None:
            start = place if start is None else start
        elif start is not None:
            around = range(max(0, start - 1), min(len(curve), place + 1))
            if time_s[around[-1]] - time_s[around[0]] >= LEAST_GAP_S:
                yield tuple(sorted({around[0], start, place - 1, around[-1]}))
            start = None


# --- curves


def _speeds(time_s: Sequence[float], distance_m: Sequence[float]) -> list[float]:
    """Compute the speed around each sample, in meters per second."""
    last = len(time_s) - 1
    found = []
    for place in range(len(time_s)):
        start, end = max(0, place - _SPEED_WINDOW), min(last, place + _SPEED_WINDOW)
        took_s = time_s[end] - time_s[start]
        found.append((distance_m[end] - distance_m[start]) / took_s if took_s > 0 else 0.0)
    return found


def _filled(curve: Curve) -> list[float]:
    """Replace missing values by the one before, or by the first."""
    known = [value for value in curve if value is not None and isfinite(value)]
    last = known[0] if known else 0.0
    filled = []
    for value in curve:
        last = value if value is not None and isfinite(value) else last
        filled.append(last)
    return filled


def _scaled(curve: Sequence[float]) -> list[float] | None:
    """Bring a curve to a standard deviation of 1, so that all count alike. None: it is level."""
    if not curve:
        return None
    mean = sum(curve) / len(curve)
    spread = sqrt(sum([(value - mean) * (value - mean) for value in curve]) / len(curve))
    if not isfinite(spread) or not spread:
        return None
    return [value / spread for value in curve]
