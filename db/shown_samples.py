"""What others see of an activity's samples where a part of its way is hidden from them.

The statement says which samples (`db/statements/privacy_zone.py`). Time and distance count these
alone: they begin at 0 and stand still where samples are left out, because anyone who knew how long
or far a hidden part is, from several runs, would find the place where it begins.
"""

from itertools import accumulate, chain, pairwise
from typing import Any

from athletics.downsampling import gap_counts
from db.stream_codec import CorruptStreams, StoredColumns

ShownRanges = tuple[tuple[int, int], ...]
"""Places of samples, as the first one and the one behind the last, in order."""

_COUNTED = ("time_s", "distance_m")
_DIGITS = 3


def read_ranges(text: str | None) -> ShownRanges | None:
    """Read ranges as a statement writes them: numbers joined by commas. None for all samples."""
    if not text:
        return None
    bounds = [int(each) for each in text.split(",")]
    return tuple(zip(bounds[::2], bounds[1::2], strict=True))


class ShownSamples:
    """The samples in `ranges`, of which there is one at least. All methods raise CorruptStreams."""

    def __init__(self, stored: StoredColumns, ranges: ShownRanges) -> None:
        self._stored = stored
        self._ranges = ranges
        if ranges[-1][1] > stored.count:
            raise CorruptStreams("a route has more samples than are stored")
        self.time_s: list[float] = self._column("time_s") or []

    def read(self, name: str, start: int, end: int) -> list[Any] | None:
        """Read a column from one of these samples up to another. None: it was not recorded."""
        column = self.time_s if name == "time_s" else self._column(name)
        return None if column is None else column[start:end]

    def gap_counts(self) -> list[int]:
        """Count the gaps before each sample. Where samples are left out is one."""
        left_out = [0] * len(self.time_s)
        for begin in accumulate(end - start for start, end in self._ranges[:-1]):
            left_out[begin] = 1
        gaps = gap_counts(self.time_s)
        return [gap + cut for gap, cut in zip(gaps, accumulate(left_out), strict=True)]

    def _column(self, name: str) -> list[Any] | None:
        first, behind = self._ranges[0][0], self._ranges[-1][1]
        column = self._stored.read(name, first, behind)
        if column is None:
            return None
        stretches = [column[start - first : end - first] for start, end in self._ranges]
        if name in _COUNTED:
            return _counted_on(stretches)
        return stretches[0] if len(stretches) == 1 else list(chain.from_iterable(stretches))


def _counted_on(stretches: list[list[float]]) -> list[float]:
    """Join stretches of what grows from sample to sample, each from where the one before ends."""
    shifts = [stretches[0][0]]
    for before, after in pairwise(stretches):
        shifts.append(shifts[-1] + after[0] - before[-1])
    return [
        round(value - shift, _DIGITS)
        for stretch, shift in zip(stretches, shifts, strict=True)
        for value in stretch
    ]
