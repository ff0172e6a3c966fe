"""Gives each sample of a recording the level of detail from which on charts show it.

The samples up to a level are a chart of the whole recording, and contain those of all lower levels.
They are chosen by largest-triangle-three-buckets (Sveinn Steinarsson, "Downsampling Time Series for
Visual Representation", 2013), from the finest level to the coarsest, with the triangles of all
curves added up. First of all come the ends of the recording, the extremes of each curve and the
ends of its pauses and gaps, as far as they are at most half of a level.
"""

from collections.abc import Iterator, Sequence
from math import isfinite, sqrt

import numpy as np

from athletics.columns import (
    Column,
    Flags,
    Floats,
    Integers,
    filled,
    first_of_each,
    floats,
    total,
)
from athletics.downsampling import GAP_INTERVALS, LEAST_GAP_S, QUARTERS

_STANDING_M_PER_S = 0.4
_SPEED_WINDOW = 5  # samples on either side
_ONE, _NONE = np.ones(1, np.int64), np.zeros(0, np.int64)
_UNMARKED = np.zeros(1, bool)
_LEAST_TIME_S = 0.001  # below it no recorder tells times apart, and a speed would be without bound
LARGEST_TRIANGLES_UP_TO = 512
"""Levels of more points are chosen in a cheaper way, which looks the same among so many."""
FEW = 64
"""Up to so many samples numpy's calls take longer than what they compute."""


def gaps_before(times: Floats) -> Integers:
    """Count the gaps before each sample, as `athletics.downsampling.gap_counts` does."""
    steps = times[1:] - times[:-1]
    if steps.max(initial=0.0) < LEAST_GAP_S:
        return np.zeros(len(times), np.int64)
    least_s = max(LEAST_GAP_S, GAP_INTERVALS * float(np.median(steps)))
    return np.append(0, np.cumsum(steps >= least_s))


def sample_levels(
    time_s: Column, distance_m: Column, curves: Sequence[Column], gap_counts: Integers
) -> Integers:
    """Give each sample its level, 0 for the first one and 1 for the last.

    The samples up to level 4n-1 are 2ⁿ, or all. `curves` are recorded beside the distance, which
    counts as its speed. `gap_counts` are of `gaps_before`.
    """
    times, meters = floats(time_s), floats(distance_m)
    count = len(times)
    levels = np.zeros(count, np.int64)
    if count > 1:
        levels[-1] = 1
    else:
        return levels
    read = [floats(curve) for curve in curves]
    curves_read = (_speeds(times, meters), *(filled(each, np.isfinite(each)) for each in read))
    with np.errstate(over="ignore", invalid="ignore"):
        curved = [(curve, each) for curve in curves_read if (each := _spread(curve))]
    spans = [*_gaps(gap_counts), *_rests(times, meters)]
    for curve in read:
        spans += _blanks(times, curve)
    wanted = _wanted(times, [curve for curve, _ in curved], spans)
    folded = _FoldedCurves(_folded(times, curved), wanted)
    del read, curves_read, curved, spans  # of a long recording they take as much as what follows
    current = np.arange(count)
    for octave in range((count - 1).bit_length() - 1, 0, -1):
        current, dropped = folded.halved(current, 1 << octave)
        quarter = max(1, -(-len(dropped) // QUARTERS))
        place = np.minimum(np.arange(len(dropped)) // quarter, QUARTERS - 1)
        levels[dropped] = QUARTERS * octave + place
    return levels


class _FoldedCurves:
    """A recording as one curve of two dimensions, and the samples that are wanted first.

    `rows` are of `_folded`.
    """

    def __init__(self, rows: Floats, wanted: Integers) -> None:
        self._rows, self._wanted = rows, wanted
        self._is_kept = np.zeros(rows.shape[1], bool)

    def halved(self, current: Integers, size: int) -> tuple[Integers, Integers]:
        """Choose `size` of the current samples.

        Also returns the others, the most important first.
        """
        if len(current) <= FEW:
            return self._halved_few(current, size)
        is_kept = self._is_kept
        is_kept[:] = False
        is_kept[current[[0, -1]]] = is_kept[self._wanted[: max(0, size // 2 - 2)]] = True
        is_free = ~is_kept[current]
        free = current[is_free]
        buckets = size - (len(current) - len(free))
        if not buckets:
            return current[~is_free], free
        bounds = np.arange(buckets + 1) * len(free) // buckets
        if size > LARGEST_TRIANGLES_UP_TO:
            areas = self._areas_beside(current)[is_free[1:-1]]
            largest = np.maximum.reduceat(areas, bounds[:-1]).repeat(bounds[1:] - bounds[:-1])
            chosen = first_of_each(areas == largest, bounds[:-1])
        else:
            chosen, areas = self._largest_in_turn(current, free, bounds)
        is_left = np.ones(len(free), bool)
        is_left[chosen] = False
        is_kept[free[chosen]] = True
        return current[is_kept[current]], free[is_left][_falling_order(areas[is_left])]

    def _halved_few(self, current: Integers, size: int) -> tuple[Integers, Integers]:
        """Do as `halved`, one sample after the other."""
        places = current.tolist()
        wanted = self._wanted[: max(0, size // 2 - 2)].tolist()
        kept = {places[0], places[-1], *wanted}
        free = [place for place in places if place not in kept]
        if buckets := size - (len(places) - len(free)):
            bounds = [number * len(free) // buckets for number in range(buckets + 1)]
            chosen, areas = self._largest_one_by_one(places[0], places[-1], free, bounds)
            kept.update(chosen)
            free = [place for place in free if place not in kept]
            free.sort(key=areas.__getitem__, reverse=True)  # equal ones keep their order
        return np.array([place for place in places if place in kept]), np.array(free, np.int64)

    def _largest_one_by_one(
        self, first: int, last: int, free: list[int], bounds: list[int]
    ) -> tuple[list[int], dict[int, float]]:
        """Do as `_largest_in_turn`; returns the places of samples, and the areas by these."""
        every = [first, *free, last]
        times, real, imag = self._rows.take(every, axis=1).tolist()
        chosen: list[int] = []
        areas: dict[int, float] = {}
        before = 0
        for number, start in enumerate(bounds[:-1]):
            end = bounds[number + 1]
            following = range(end + 1, bounds[number + 2] + 1) if end < len(free) else [-1]
            sum_s = sum_real = sum_imag = 0.0
            for place in following:  # Python's own sums are rounded otherwise since 3.12
                sum_s += times[place]
                sum_real += real[place]
                sum_imag += imag[place]
            whole_s = sum_s / len(following) - times[before]
            rise_real = sum_real / len(following) - real[before]
            rise_imag = sum_imag / len(following) - imag[before]
            largest, taken = -1.0, before
            for place in range(start + 1, end + 1):
                passed_s = times[place] - times[before]
                off_real = whole_s * (real[place] - real[before]) - passed_s * rise_real
                off_imag = whole_s * (imag[place] - imag[before]) - passed_s * rise_imag
                areas[every[place]] = area = off_real * off_real + off_imag * off_imag
                if area > largest:
                    largest, taken = area, place
            chosen.append(every[taken])
            before = taken
        return chosen, areas

    def _areas_beside(self, current: Integers) -> Floats:
        """The triangles of all but the first and last with the two samples beside each."""
        rows = self._rows.take(current, axis=1)
        return _areas(rows[:, 2:] - rows[:, :-2], rows[:, 1:-1] - rows[:, :-2])

    def _largest_in_turn(
        self, current: Integers, free: Integers, bounds: Integers
    ) -> tuple[Integers, Floats]:
        """Choose from each bucket by the triangle with the one chosen before and the next's middle.

        Returns places in `free`, and the areas of these triangles. Each choice waits for the one
        before: so all triangles are computed that may come to be, from each sample of a bucket.
        """
        rows = self._rows.take(free, axis=1)
        sizes = bounds[1:] - bounds[:-1]
        begins = np.concatenate((current[:1], free[: bounds[-2]]))
        before = self._rows.take(begins, axis=1)
        # The bucket that follows each of these, and where its samples begin.
        bucket = np.arange(len(sizes)).repeat(np.concatenate((_ONE, sizes[:-1])))
        ends = np.concatenate((_middles(rows, bounds), self._rows[:, current[-1:]]), axis=1)
        ways = ends.take(bucket, axis=1) - before
        counts = sizes[bucket]
        starts = counts.cumsum() - counts
        one = np.arange(len(counts)).repeat(counts)
        other = np.arange(len(one)) + (bounds[bucket] - starts)[one]
        ways_between = rows.take(other, axis=1) - before.take(one, axis=1)
        areas = _areas(ways.take(one, axis=1), ways_between)
        largest = np.maximum.reduceat(areas, starts)[one]
        following: list[int] = other[first_of_each(areas == largest, starts)].tolist()
        chosen = []
        place = -1
        for _ in range(len(sizes)):
            place = following[place + 1]
            chosen.append(place)
        found = np.array(chosen)
        taken = found + 1
        taken[1:] = taken[:-1]
        taken[0] = 0
        of_free = np.arange(len(free)) + (starts[taken] - bounds[:-1]).repeat(sizes)
        return found, areas[of_free]


def _areas(to_last: Floats, to_middle: Floats) -> Floats:
    """The squares of the doubled areas of triangles, whose order is that of the areas.

    They are given by the ways to their last points and those to their middles.
    """
    off = to_last[0] * to_middle[1:] - to_middle[0] * to_last[1:]
    off *= off
    squares: Floats = off[0] + off[1]
    return squares


def _falling_order(values: Floats) -> Integers:
    """The order of values from the largest to the least; equal ones keep theirs."""
    order = (-values).argsort()  # several times as fast as a stable one
    found = values[order]
    if (found[1:] == found[:-1]).any():
        return (-values).argsort(kind="stable")
    return order


def _middles(rows: Floats, bounds: Integers) -> Floats:
    """The means of all buckets but the first, added up in order."""
    first, sizes = bounds[1:-1], bounds[2:] - bounds[1:-1]
    sums = rows.take(first, axis=1)
    for place in range(1, int(sizes.max(initial=1))):
        if (has_more := sizes > place).all():
            sums += rows.take(first + place, axis=1)
        else:
            sums[:, has_more] += rows.take(first[has_more] + place, axis=1)
    sums /= sizes
    return sums


# --- what is wanted first


def _wanted(times: Floats, curves: Sequence[Floats], spans: list[tuple[int, ...]]) -> Integers:
    """List samples that are to be kept, the most important first.

    They are the extremes, then the ends of gaps, of times at rest and of times without a value,
    the longest first.
    """
    found: dict[int, None] = {}
    for curve in curves:
        found[int(np.argmax(curve))] = found[int(np.argmin(curve))] = None
    spans.sort(key=lambda span: times[span[0]] - times[span[-1]])
    for span in spans:
        found.update(dict.fromkeys(span))
    return np.array(list(found), np.int64)


def _gaps(counts: Integers) -> Iterator[tuple[int, ...]]:
    for place in (np.flatnonzero(np.diff(counts)) + 1).tolist():
        yield place - 1, place


def _rests(times: Floats, meters: Floats) -> Iterator[tuple[int, ...]]:
    """Find the times at rest, by their first and last sample."""
    is_rest = meters[1:] - meters[:-1] < (times[1:] - times[:-1]) * _STANDING_M_PER_S
    first, last = _stretches(is_rest)  # of steps: the last sample is one further
    is_long = times[last] - times[first] >= LEAST_GAP_S
    yield from zip(first[is_long].tolist(), last[is_long].tolist(), strict=True)


def _blanks(times: Floats, curve: Floats) -> Iterator[tuple[int, ...]]:
    """Find the times without a value: the last sample before, the ends, the first one after."""
    first, behind = _stretches(np.isnan(curve))
    if not len(first):
        return
    before, after = np.maximum(first - 1, 0), np.minimum(behind, len(curve) - 1)
    is_long = times[after] - times[before] >= LEAST_GAP_S
    for places in zip(
        *(each[is_long].tolist() for each in (before, first, behind - 1, after)), strict=True
    ):
        yield tuple(sorted(set(places)))


def _stretches(marked: Flags) -> tuple[Integers, Integers]:
    """Find where stretches of marked places begin, and the places behind them."""
    if not marked.any():
        return _NONE, _NONE
    padded = np.concatenate((_UNMARKED, marked, _UNMARKED))
    edges = (padded[1:] != padded[:-1]).nonzero()[0]
    return edges[::2], edges[1::2]


# --- curves


def _speeds(times: Floats, meters: Floats) -> Floats:
    """Compute the speed around each sample, in meters per second."""
    took_s, went_m = _around(times), _around(meters)
    speeds = np.zeros(len(times))
    np.divide(went_m, took_s, out=speeds, where=took_s >= _LEAST_TIME_S)
    return speeds


def _around(values: Floats) -> Floats:
    """Compute the difference of the values `_SPEED_WINDOW` after and before each, or at the ends."""
    if len(values) <= _SPEED_WINDOW:
        return np.full(len(values), values[-1] - values[0])
    after, before = values.copy(), values.copy()
    after[:-_SPEED_WINDOW], after[-_SPEED_WINDOW:] = values[_SPEED_WINDOW:], values[-1]
    before[_SPEED_WINDOW:], before[:_SPEED_WINDOW] = values[:-_SPEED_WINDOW], values[0]
    return after - before


def _folded(times: Floats, curves: Sequence[tuple[Floats, float]]) -> Floats:
    """Fold curves into one of two dimensions, so that few of them can cancel each other out.

    Each is divided by its standard deviation, so that all count alike. Returns three rows: the
    times, and the two dimensions.
    """
    rows = np.zeros((3, len(times)))
    rows[0] = times
    for number, (curve, spread) in enumerate(curves):
        rows[1 + number % 2] += curve / spread
    return rows


def _spread(curve: Floats) -> float | None:
    """Compute the standard deviation of a curve. None: it is level."""
    off = curve - total(curve) / len(curve)
    spread = sqrt(total(off * off) / len(curve))
    return spread if isfinite(spread) and spread else None
