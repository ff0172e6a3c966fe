"""Chooses the samples of a recording that a chart needs, for any number of points.

Every sample gets a level. The samples up to a level are a chart of the whole recording, and contain
those of all lower levels. They are chosen by largest-triangle-three-buckets (Sveinn Steinarsson,
"Downsampling Time Series for Visual Representation", 2013), from the finest level to the coarsest,
with the triangles of all curves added up. First of all come the ends of the recording, the extremes
of each curve and the ends of its pauses and gaps, as far as they are at most half of a level.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, repeat
from math import isfinite, sqrt
from operator import add, itemgetter, lt, mul, sub, truediv
from statistics import median

Curve = Sequence[float | None]

LEAST_GAP_S = 10.0
"""A pause is at least as long as this, and so are times without a value that are worth showing."""
_GAP_INTERVALS = 5  # and a gap as long as so many usual intervals
_STANDING_M_PER_S = 0.4
_SPEED_WINDOW = 5  # samples on either side
QUARTERS = 4
"""Levels for each doubling of the points."""


LARGEST_TRIANGLES_UP_TO = 512
"""Levels of more points are chosen in a cheaper way, which looks the same among so many."""


def gap_counts(time_s: Sequence[float]) -> list[int]:
    """Count the gaps before each sample.

    A gap is a time of at least `LEAST_GAP_S`, and of five usual intervals, without a sample.
    """
    steps = list(map(sub, time_s[1:], time_s))
    least_s = max(LEAST_GAP_S, _GAP_INTERVALS * median(steps)) if steps else LEAST_GAP_S
    return list(accumulate((step >= least_s for step in steps), initial=0)) if time_s else []


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
    filled = [
        (curve, each)
        for curve in (_speeds(time_s, distance_m), *map(_filled, curves))
        if (each := _spread(curve))
    ]
    wanted = _wanted(time_s, distance_m, [curve for curve, _ in filled], curves)
    shape = _shape(filled, count)
    current = list(range(count))
    octave = (count - 1).bit_length() - 1
    while octave >= 1:
        chosen, dropped = _halved(current, 1 << octave, wanted, time_s, shape)
        quarter = max(1, -(-len(dropped) // QUARTERS))
        for level in range(QUARTERS):
            end = None if level == QUARTERS - 1 else (level + 1) * quarter
            for index in dropped[level * quarter : end]:
                levels[index] = QUARTERS * octave + level
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
    shape: Sequence[complex],
) -> tuple[list[int], list[int]]:
    """Choose `size` of the current samples. Also returns the others, the most important first."""
    kept = {current[0], current[-1], *wanted[: max(0, size // 2 - 2)]}
    if size == len(kept):
        return sorted(kept), [index for index in current if index not in kept]
    free = [index for index in current if index not in kept]
    count = size - len(kept)
    bounds = [number * len(free) // count for number in range(count + 1)]
    if size > LARGEST_TRIANGLES_UP_TO:
        chosen, areas = _largest_beside(free, bounds, current, time_s, shape)
    else:
        chosen, areas = _largest_in_turn(free, bounds, current, time_s, shape)
    kept.update(chosen)
    dropped = [index for index in free if index not in kept]
    dropped.sort(key=areas.__getitem__, reverse=True)
    return sorted(kept), dropped


def _largest_beside(
    free: Sequence[int],
    bounds: Sequence[int],
    current: Sequence[int],
    time_s: Sequence[float],
    shape: Sequence[complex],
) -> tuple[list[int], dict[int, float]]:
    """Choose from each bucket by the triangle with the two samples beside it.

    Also returns the areas of these triangles.
    """
    at_current = itemgetter(*current)
    times, values = at_current(time_s), at_current(shape)
    beside = zip(times, times[1:], times[2:], values, values[1:], values[2:], strict=False)
    found = [
        abs((end_s - start_s) * (value - start) - (at_s - start_s) * (end - start))
        for start_s, at_s, end_s, start, value, end in beside
    ]
    areas = dict(zip(current[1:], found, strict=False))
    of_free = itemgetter(*free)(areas) if len(free) > 1 else [areas[free[0]]]
    chosen = []
    for start, end in pairwise(bounds):
        if end - start == 1:
            chosen.append(free[start])
            continue
        bucket = of_free[start:end]
        chosen.append(free[start + bucket.index(max(bucket))])
    return chosen, areas


def _largest_in_turn(
    free: Sequence[int],
    bounds: Sequence[int],
    current: Sequence[int],
    time_s: Sequence[float],
    shape: Sequence[complex],
) -> tuple[list[int], dict[int, float]]:
    """Choose from each bucket by the triangle with the one chosen before and the next's middle.

    Also returns the areas of these triangles.
    """
    chosen: list[int] = []
    areas: dict[int, float] = {}
    times = [time_s[index] for index in free]
    values = [shape[index] for index in free]
    middle_s = [sum(times[a:b]) / (b - a) for a, b in pairwise(bounds[1:])]
    middles = [sum(values[a:b]) / (b - a) for a, b in pairwise(bounds[1:])]
    middle_s.append(time_s[current[-1]])
    middles.append(shape[current[-1]])
    before_s, before = time_s[current[0]], shape[current[0]]
    for start, end, ahead_s, ahead in zip(bounds, bounds[1:], middle_s, middles, strict=False):
        whole_s, rise = ahead_s - before_s, ahead - before
        best, most = start, -1.0
        for place in range(start, end):
            area = abs(whole_s * (values[place] - before) - (times[place] - before_s) * rise)
            areas[free[place]] = area
            if area > most:
                best, most = place, area
        before_s, before = times[best], values[best]
        chosen.append(free[best])
    return chosen, areas


# --- what is wanted first


def _wanted(
    time_s: Sequence[float],
    distance_m: Sequence[float],
    filled: Sequence[Sequence[float]],
    curves: Sequence[Curve],
) -> list[int]:
    """List samples that are to be kept, the most important first.

    They are the extremes, then the ends of gaps, of times at rest and of times without a value,
    the longest first.
    """
    found: dict[int, None] = {}
    for curve in filled:
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
    least_m = map(mul, map(sub, time_s[1:], time_s), repeat(_STANDING_M_PER_S))
    is_rest = list(map(lt, map(sub, distance_m[1:], distance_m), least_m))
    if not any(is_rest):
        return
    start = 0
    for place in range(1, len(time_s) + 1):
        if place < len(time_s) and is_rest[place - 1]:
            continue
        if time_s[place - 1] - time_s[start] >= LEAST_GAP_S:
            yield start, place - 1
        start = place


def _blanks(time_s: Sequence[float], curve: Curve) -> Iterator[tuple[int, ...]]:
    """Find the times without a value: the last sample before, the ends, the first one after."""
    if None not in curve:
        return
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
    took_s = _around(time_s)
    went_m = _around(distance_m)
    return [
        meters / seconds if seconds > 0 else 0.0
        for meters, seconds in zip(went_m, took_s, strict=True)
    ]


def _around(values: Sequence[float]) -> list[float]:
    """Compute the difference of the values `_SPEED_WINDOW` after and before each, or at the ends."""
    count = len(values)
    before, after = list(values[:1]) * _SPEED_WINDOW, list(values[-1:]) * _SPEED_WINDOW
    return list(map(sub, [*values[_SPEED_WINDOW:], *after][-count:], [*before, *values][:count]))


def _filled(curve: Curve) -> list[float]:
    """Replace missing values by the one before, or by the first."""
    if None not in curve and isfinite(sum(curve)):  # type: ignore[arg-type]
        return list(curve)  # type: ignore[arg-type]
    known = [value for value in curve if value is not None and isfinite(value)]
    last = known[0] if known else 0.0
    filled = []
    for value in curve:
        last = value if value is not None and isfinite(value) else last
        filled.append(last)
    return filled


def _shape(curves: Sequence[tuple[Sequence[float], float]], count: int) -> list[complex]:
    """Fold curves into one of two dimensions, so that few of them can cancel each other out.

    Each is divided by its standard deviation, so that all count alike.
    """
    return list(map(complex, _sums(curves[::2], count), _sums(curves[1::2], count)))


def _sums(curves: Sequence[tuple[Sequence[float], float]], count: int) -> list[float]:
    found = [0.0] * count
    for curve, spread in curves:
        found = list(map(add, found, map(truediv, curve, repeat(spread))))
    return found


def _spread(curve: Sequence[float]) -> float | None:
    """Compute the standard deviation of a curve. None: it is level."""
    if not curve:
        return None
    mean = sum(curve) / len(curve)
    spread = sqrt(sum([(value - mean) * (value - mean) for value in curve]) / len(curve))
    return spread if isfinite(spread) and spread else None
