"""Chooses the samples of a recording that a chart needs, for any number of points.

Every sample has a level, which `athletics/sample_levels.py` gave it: the samples up to a level are
a chart of the whole recording, and contain those of all lower levels.
"""

from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from statistics import median

LEAST_GAP_S = 10.0
"""A pause is at least as long as this, and so are times without a value that are worth showing."""
GAP_INTERVALS = 5  # and a gap as long as so many usual intervals
QUARTERS = 4
"""Levels for each doubling of the points."""


def gap_counts(time_s: Sequence[float]) -> list[int]:
    """Count the gaps before each sample.

    A gap is a time of at least `LEAST_GAP_S`, and of five usual intervals, without a sample.
    """
    steps = list(map(sub, time_s[1:], time_s))
    least_s = max(LEAST_GAP_S, GAP_INTERVALS * median(steps)) if steps else LEAST_GAP_S
    return list(accumulate((step >= least_s for step in steps), initial=0)) if time_s else []


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
