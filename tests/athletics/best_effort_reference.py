"""The definition of a best effort, word for word: all windows, exact fractions, O(n^2)."""

import itertools
from fractions import Fraction


def decimal(number):
    """The decimal a float was written as, exactly."""
    return Fraction(str(number))


def reference_best_s(time_s, distance_m, meters):
    """The least time of any window of `meters`; None when no unbroken track is long enough."""
    windows = []
    for piece in unbroken(list(zip(map(decimal, time_s), map(decimal, distance_m), strict=True))):
        for t, d in piece:
            end, start = earliest(piece, d + decimal(meters)), latest(piece, d - decimal(meters))
            windows += [] if end is None else [end - t]
            windows += [] if start is None else [t - start]
    return min(windows, default=None)


def unbroken(samples):
    pieces = [[samples[0]]]
    for (t0, d0), (t1, d1) in itertools.pairwise(samples):
        if t1 < t0 or d1 < d0 or d1 - d0 > 12 * (t1 - t0):
            pieces.append([])
        pieces[-1].append((t1, d1))
    return pieces


def times_at(piece, at_m):
    for (t0, d0), (t1, d1) in itertools.pairwise(piece):
        if d0 <= at_m <= d1:
            yield from (t0, t1) if d0 == d1 else (t0 + (t1 - t0) * (at_m - d0) / (d1 - d0),)


def earliest(piece, at_m):
    return min(times_at(piece, at_m), default=None)


def latest(piece, at_m):
    return max(times_at(piece, at_m), default=None)
