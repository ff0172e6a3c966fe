"""The definition of a best effort, word for word: all windows, exact fractions."""

import itertools
from bisect import bisect_left, bisect_right
from fractions import Fraction

LIMIT = 12  # meters a second
OVER = 5  # seconds
DIP = 1  # meters


def decimal(number):
    """The decimal a float was written as, exactly."""
    return Fraction(str(number))


def reference_bests_s(time_s, distance_m, all_meters):
    """The least time of any window of each distance; None where no unbroken track is as long."""
    samples = list(zip(map(decimal, time_s), map(decimal, distance_m), strict=True))
    pieces = list(unbroken(samples))
    return [best_s(pieces, decimal(meters)) for meters in all_meters]


def best_s(pieces, meters):
    windows = []
    for piece in pieces:
        if piece[-1][1] - piece[0][1] < meters:
            continue
        for t, d in piece:
            end, start = earliest(piece, d + meters), latest(piece, d - meters)
            windows += [] if end is None else [end - t]
            windows += [] if start is None else [t - start]
    return min(windows, default=None)


def unbroken(samples):
    for piece in split(samples, lambda one, other: other[0] < one[0] or one[1] - other[1] >= DIP):
        caught_up = without_catch_ups(without_dips(piece))
        too_fast = fast_steps_in_fast_windows(caught_up)
        yield from split(caught_up, lambda *step, steps=too_fast: step in steps)


def split(samples, is_break):
    pieces = [[samples[0]]]
    for step in itertools.pairwise(samples):
        if is_break(*step):
            pieces.append([])
        pieces[-1].append(step[1])
    return pieces


def without_dips(piece):
    return [(t, max(d for _, d in piece[: index + 1])) for index, (t, _) in enumerate(piece)]


def is_fast(one, other):
    return other[1] - one[1] > LIMIT * (other[0] - one[0])


def without_catch_ups(piece):
    """Jumps, longest first from each sample, that the standstill before them explains."""
    steps = list(itertools.pairwise(piece))
    ordinary = [(a, b) for a, b in steps if a[1] < b[1] and not is_fast(a, b)]
    moving_s = sum(b[0] - a[0] for a, b in ordinary)
    speed = sum(b[1] - a[1] for a, b in ordinary) / moving_s if moving_s else 0
    found, index, after = [], 0, 0
    while index < len(piece) - 1:
        end = index
        while end + 1 < len(piece) and is_fast(piece[end], piece[end + 1]):
            end += 1
        if end > index and piece[end][1] - piece[index][1] >= DIP:
            held = min(k for k in range(after, index + 1) if piece[index][1] - piece[k][1] < DIP)
            stood = piece[index][0] - piece[held][0]
            if stood > 0 and not is_fast(piece[held], piece[end]):
                found.append((held, index, end))
        if end > index:
            after = end
        index = max(end, index + 1)
    cleaned = list(piece)
    for held, start, end in reversed(found):
        gained = piece[end][1] - piece[start][1]
        moved_on = piece[end][0] - gained / speed if speed else piece[held][0]
        moved_on = min(max(moved_on, piece[held][0]), piece[start][0])
        standing = [sample for sample in piece[held:start] if sample[0] < moved_on]
        cleaned[held:end] = [*standing, (moved_on, piece[start][1])]
    return cleaned


def fast_steps_in_fast_windows(piece):
    """Of all windows of 5 to 10 s from sample to sample, and of 5 s from or to one.

    A piece that is shorter is judged as if it stood still before and after.
    """
    piece = [(piece[0][0] - OVER, piece[0][1]), *piece, (piece[-1][0] + OVER, piece[-1][1])]
    seconds = [t for t, _ in piece]
    windows = [
        (start, end)
        for start, end in (
            *((start, end) for start in seconds for end in within(seconds, start)),
            *((t, t + OVER) for t in seconds),
            *((t - OVER, t) for t in seconds),
        )
        if OVER <= end - start <= 2 * OVER and seconds[0] <= start and end <= seconds[-1]
    ]
    fast = [
        window
        for window in windows
        if reached(piece, window[1], max) - reached(piece, window[0], min)
        > LIMIT * (window[1] - window[0])
    ]
    return {
        (one, other)
        for one, other in itertools.pairwise(piece)
        if is_fast(one, other) and any(is_inside(one[0], other[0], *window) for window in fast)
    }


def within(seconds, start):
    """The samples' times up to the longest window after `start`."""
    return seconds[bisect_left(seconds, start) : bisect_right(seconds, start + 2 * OVER)]


def is_inside(begun, ended, start, end):
    """Whether a step is in a window, in part at least."""
    return start <= begun <= end if begun == ended else begun < end and start < ended


def reached(piece, second, pick):
    """Meters at a second: the most or the least where several samples are of it."""
    around = neighbors(piece, second, key=lambda sample: sample[0])
    of_second = [d for t, d in around if t == second]
    if of_second:
        return pick(of_second)
    for (t0, d0), (t1, d1) in itertools.pairwise(around):
        if t0 < second < t1:
            return d0 + (d1 - d0) * (second - t0) / (t1 - t0)
    raise AssertionError(second)


def neighbors(piece, at, key):
    """The samples that are at `at`, and the one before and after them: times and meters rise."""
    first, after = bisect_left(piece, at, key=key), bisect_right(piece, at, key=key)
    return piece[max(first - 1, 0) : after + 1]


def times_at(piece, at_m):
    around = neighbors(piece, at_m, key=lambda sample: sample[1])
    for (t0, d0), (t1, d1) in itertools.pairwise(around):
        if d0 <= at_m <= d1:
            yield from (t0, t1) if d0 == d1 else (t0 + (t1 - t0) * (at_m - d0) / (d1 - d0),)


def earliest(piece, at_m):
    return min(times_at(piece, at_m), default=None)


def latest(piece, at_m):
    return max(times_at(piece, at_m), default=None)
