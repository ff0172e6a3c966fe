"""Finds the windows of an unbroken track that are nearly its fastest over some distances.

Whole seconds between samples tell of most windows that they are slower than another, and of some
samples in a row the ones around them: so only few windows are computed. All distances are looked at
together, as the number of numpy's calls is what costs.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from athletics.columns import Flags, Floats, Integers
from athletics.track import TrackPiece

NEARLY_S = 0.01
"""What takes longer than another window by more than this cannot be the fastest.

It is many times as long as ties and errors of rounding.
"""
_IN_A_ROW = 8
_PLACES = np.arange(_IN_A_ROW)

FastWindow = tuple[float, float, float]
"""How long it takes, no less than how many seconds of samples, and when it starts."""


class _Windows(NamedTuple):
    """Windows in order of their lengths, by the sample at or after their start."""

    length: Integers
    sample: Integers
    took_s: Floats
    least_s: Floats
    start_s: Floats

    def up_to(self, most_s: Floats) -> "_Windows":
        """Those that take no longer than the most of their length."""
        return self.at(np.maximum(self.took_s, self.least_s) <= most_s[self.length])

    def at(self, places: Flags | Integers) -> "_Windows":
        columns: Any = (each[places] for each in self)
        return _Windows(*columns)


def fast_windows(piece: TrackPiece, lengths_nm: Sequence[float]) -> list[list[FastWindow]]:
    """Find windows of each length, none of which is longer than the piece.

    They are in order of start: before the one that starts at a sample those that start between it
    and the sample before.
    """
    if not lengths_nm:
        return []
    lengths = np.array(lengths_nm)[:, np.newaxis]
    starting = _from_samples(piece, lengths)
    begins = starting.length.searchsorted(np.arange(len(lengths)))
    took_s = np.maximum(starting.took_s, starting.least_s)
    most_s = np.minimum.reduceat(took_s, begins) + NEARLY_S
    ending = _to_samples(piece, lengths, most_s)
    columns: Any = map(np.concatenate, zip(ending, starting.up_to(most_s), strict=True))
    found = _Windows(*columns)
    found = found.at((found.length * len(piece.time_s) + found.sample).argsort(kind="stable"))
    bounds = found.length.searchsorted(np.arange(len(lengths) + 1)).tolist()
    times = (each.tolist() for each in (found.took_s, found.least_s, found.start_s))
    windows = list(zip(*times, strict=True))
    return [windows[first:behind] for first, behind in pairwise(bounds)]


def _from_samples(piece: TrackPiece, lengths: Floats) -> _Windows:
    """The windows that start at samples, but of those that are slower than another."""
    time_s, position_nm = piece.time_s, piece.position_nm
    rows = np.arange(0, len(time_s), _IN_A_ROW)
    # How many samples have their goal within the piece: they come first, as positions never fall.
    goals = position_nm.searchsorted(position_nm[-1] - lengths, side="right")
    is_within = rows < goals
    end = np.minimum(position_nm.searchsorted(position_nm[rows] + lengths), len(time_s) - 1)
    most_s = np.where(is_within, time_s[end] - time_s[rows], np.inf).min(axis=1)
    last = np.minimum(rows + (_IN_A_ROW - 1), goals - 1)
    is_near = time_s[end - 1] - time_s[last] <= most_s[:, np.newaxis] + NEARLY_S
    length, sample = _of_rows(is_near & is_within)
    is_within = sample < goals[length, 0]
    length, sample = length[is_within], sample[is_within]
    goal_nm = position_nm[sample] + lengths[length, 0]
    # The first sample at or beyond the goal; what is rounded of a false distance may be beyond all.
    end = np.minimum(position_nm.searchsorted(goal_nm), len(time_s) - 1)
    begun_s = time_s[sample]
    took_s = time_s[end] - begun_s - (position_nm[end] - goal_nm) * piece.pace_s_per_nm[end]
    return _Windows(length, sample, took_s, time_s[end - 1] - begun_s, begun_s)


def _to_samples(piece: TrackPiece, lengths: Floats, most_s: Floats) -> _Windows:
    """The windows that end at samples and take no longer than the most of their length."""
    time_s, position_nm = piece.time_s, piece.position_nm
    count = len(time_s)
    rows = np.arange(0, count, _IN_A_ROW)
    behind = np.minimum(rows + _IN_A_ROW, count - 1)
    # The first sample that is less than the length before one.
    sample = position_nm.searchsorted(position_nm[behind] - lengths, side="right")
    is_near = time_s[rows] - time_s[sample] <= most_s[:, np.newaxis]
    length, end = _of_rows(is_near & (position_nm[behind] - position_nm[0] >= lengths))
    begun_nm = position_nm.take(end, mode="clip") - lengths[length, 0]
    is_within = (end < count) & (begun_nm >= position_nm[0])
    length, end, begun_nm = length[is_within], end[is_within], begun_nm[is_within]
    sample = position_nm.searchsorted(begun_nm, side="right")
    least_s = time_s[end] - time_s[sample]
    took_s = least_s + (position_nm[sample] - begun_nm) * piece.pace_s_per_nm[sample]
    return _Windows(length, sample, took_s, least_s, time_s[end] - took_s).up_to(most_s)


def _of_rows(chosen: Flags) -> tuple[Integers, Integers]:
    """The samples of the rows chosen, with the number of the length."""
    length, row = chosen.nonzero()
    samples = (row * _IN_A_ROW)[:, np.newaxis] + _PLACES
    return length.repeat(_IN_A_ROW), samples.ravel()
