"""Chooses the samples that a chart asks for, of all or of a stored level (`db/stored_levels.py`)."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from typing import Any

from athletics.downsampling import gap_counts, points_up_to
from db.moved_samples import PackedSamples, SamplesFile
from db.shown_samples import ShownRanges, ShownSamples
from db.stream_codec import POSITION, StoredColumns

LEVEL, GAP_COUNT = "level", "gap_count"
"""The names of marks among columns."""


@dataclass(frozen=True, slots=True)
class StreamsRequest:
    """How many points are wanted at most, from `from_s` up to `until_s`, exclusive.

    Both are elapsed seconds, None for no bound.
    """

    max_points: int
    from_s: float | None = None
    until_s: float | None = None

    @property
    def is_range(self) -> bool:
        return self.from_s is not None or self.until_s is not None


@dataclass(frozen=True, slots=True)
class ChosenSamples:
    """The samples for a request: `points` of `sample_count` in its range.

    `columns` have None where a column was not recorded. `gaps` are the places of points that a gap
    follows.
    """

    sample_count: int
    points: int
    columns: dict[str, list[Any] | None]
    gaps: list[int]


@dataclass(frozen=True, slots=True)
class StoredStreams:
    """What was read of an activity's streams: a stored level, or all samples.

    A level has its marks within `samples`; rows of versions before 0.3 have none. `positions` are
    None where they were not recorded, not asked for, or not for the caller. `shown` are the samples
    for the caller (`db/shown_samples.py`), None for all. Samples that are in a `file` are empty, as
    are marks and positions, unless they are null.
    """

    sample_count: int
    samples: bytes
    marks: bytes | None = None
    positions: bytes | None = None
    shown: ShownRanges | None = None
    file: SamplesFile | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether they have to be fetched (`filled`). A level of samples in a file is here."""
        return not self.samples and self.file is not None

    def filled(self, fetched: PackedSamples) -> "StoredStreams":
        """Fill in what was fetched of the file, without positions that are not for the caller."""
        positions = None if self.positions is None else fetched.positions
        return replace(
            self, samples=fetched.samples, marks=fetched.marks, positions=positions, file=None
        )

    def choose(self, request: StreamsRequest, names: Collection[str]) -> ChosenSamples:
        """Choose the points for a request, of the columns in `names`. Raises CorruptStreams."""
        stored = StoredColumns(self.samples)
        if self.shown is not None:
            return _choose_shown(stored, self.shown, request, names)
        marked = StoredColumns(self.marks) if self.marks else stored
        start, end = _range_of(stored, request)
        places = _places(marked, request, start, end)
        columns = {name: _taken(stored.read(name, start, end), places) for name in names}
        if self.positions is not None:
            found = StoredColumns(self.positions)
            columns |= {
                name: _taken(found.read(name, start, end), places)
                for name in names
                if name in POSITION
            }
        counts = _taken(_gap_counts(stored, marked, start, end), places) or []
        return ChosenSamples(
            sample_count=end - start if request.is_range else self.sample_count,
            points=end - start if places is None else len(places),
            columns=columns,
            gaps=_gaps(counts),
        )


def _choose_shown(
    stored: StoredColumns, shown: ShownRanges, request: StreamsRequest, names: Collection[str]
) -> ChosenSamples:
    """Choose points as `StoredStreams.choose` does, evenly spread: levels tell of hidden samples."""
    seen = ShownSamples(stored, shown)
    start, end = _bounds(seen.time_s, request) if request.is_range else (0, len(seen.time_s))
    places = _evenly(end - start, request.max_points)
    columns = {name: _taken(seen.read(name, start, end), places) for name in names}
    counts = _taken(seen.gap_counts()[start:end], places) or []
    return ChosenSamples(
        sample_count=end - start,
        points=end - start if places is None else len(places),
        columns=columns,
        gaps=_gaps(counts),
    )


def _gaps(counts: Sequence[int]) -> list[int]:
    return [place for place, (before, after) in enumerate(pairwise(counts)) if before != after]


def _range_of(stored: StoredColumns, request: StreamsRequest) -> tuple[int, int]:
    """Find the first sample of the range, and the one behind its last."""
    if not request.is_range:
        return 0, stored.count
    return _bounds(stored.read("time_s") or [], request)


def _bounds(time_s: Sequence[float], request: StreamsRequest) -> tuple[int, int]:
    start = 0 if request.from_s is None else bisect_left(time_s, request.from_s)
    end = len(time_s) if request.until_s is None else bisect_left(time_s, request.until_s)
    return start, max(start, end)


def _places(
    marked: StoredColumns, request: StreamsRequest, start: int, end: int
) -> Sequence[int] | None:
    """Choose samples, counted from the start of the range. None: all of them."""
    count, most = end - start, request.max_points
    if count <= most:
        return None
    levels = marked.read(LEVEL, start, end)
    if levels is None:
        return _evenly(count, most)
    levels[0], levels[-1] = 0, 1  # a range begins and ends with its own samples
    return points_up_to(levels, most)


def _evenly(count: int, most: int) -> Sequence[int] | None:
    if count <= most:
        return None
    return [number * (count - 1) // max(1, most - 1) for number in range(most)]


def _gap_counts(stored: StoredColumns, marked: StoredColumns, start: int, end: int) -> list[Any]:
    found = marked.read(GAP_COUNT, start, end)
    return gap_counts(stored.read("time_s") or [])[start:end] if found is None else found


def _taken(column: list[Any] | None, places: Sequence[int] | None) -> list[Any] | None:
    if column is None or places is None:
        return column
    return list(itemgetter(*places)(column)) if len(places) > 1 else [column[places[0]]]
