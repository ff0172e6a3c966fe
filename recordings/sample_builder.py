"""Builds the columns of a recording, and cleans what no recording can hold.

The rules, in order:
- A value out of its range becomes "not recorded"; so does the position 0, 0.
- Where the samples stop for more than ten days, the clock was wrong: the part with the most samples
  is kept.
- A sample that is older than the one before is left out if by a minute at most, or if it repeats
  an earlier one. Otherwise the clock was set back: the times go on a second after the last.
- Columns without any value are None. A missing distance is computed from the positions.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, pairwise
from math import isnan, nan
from time import process_time

from recordings.errors import FileTooLarge
from recordings.geodesic import distances_m
from recordings.limits import ReadingLimits
from recordings.problems import ProblemList
from recordings.recorded_activity import SampleColumns

VALUES = {
    "distance_m": (0.0, 1e7),
    "heart_rate_bpm": (20.0, 250.0),
    "cadence_rpm": (0.0, 300.0),
    "altitude_m": (-1_000.0, 12_000.0),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "power_w": (0.0, 5_000.0),
    "temperature_c": (-80.0, 80.0),
    "speed_m_per_s": (0.0, 150.0),
}
"""The columns after the time, in the order that `SampleBuilder.add` takes; with their ranges."""

_NAMES = tuple(VALUES)
_LONGEST_GAP_S = 10 * 86_400.0
_MOST_BACK_S = 60.0
_LONGEST_WAIT_S = 86_400.0
_CHECKED_EVERY = 4_096  # samples

Sample = tuple[
    float | None, float | None, float | None, float | None, float | None, float | None,
    float | None, float | None, float | None,
]  # fmt: skip


def sample_of(point: Mapping[str, float | None]) -> Sample:
    """Make a sample of a point's values by their names, without units. None is "not recorded"."""
    return (
        point.get("distance"),
        point.get("heart_rate"),
        point.get("cadence"),
        point.get("altitude"),
        point.get("latitude"),
        point.get("longitude"),
        point.get("power"),
        point.get("temperature"),
        point.get("speed"),
    )


class ReadingBudget:
    """Ends the reading of a file that takes too long or holds too much, with FileTooLarge."""

    def __init__(self, file: str, limits: ReadingLimits) -> None:
        self.file = file
        self.limits = limits
        self._samples = 0
        self._end = process_time() + limits.read_s

    def take_sample(self) -> None:
        """Count a sample. Raises FileTooLarge."""
        self._samples += 1
        if self._samples > self.limits.samples:
            raise FileTooLarge(
                self.file,
                f"it has more than {self.limits.samples:,} samples.",
                "Split it into shorter recordings.",
            )
        if self._samples % _CHECKED_EVERY == 0:
            self.check_time()

    def check_time(self) -> None:
        """Raise FileTooLarge once reading took longer than `limits.read_s` of CPU."""
        if process_time() > self._end:
            raise FileTooLarge(
                self.file,
                f"reading it takes more than {self.limits.read_s:.0f} s.",
                "Split it into shorter recordings.",
            )


@dataclass(frozen=True, slots=True)
class BuiltSamples:
    """`start` is in seconds since 1970; None without samples."""

    start: float | None
    columns: SampleColumns
    distance_is_derived: bool

    def begin(self, stated: float | None) -> float:
        """When the activity began, in seconds since 1970; `stated` is what its summary says.

        That counts if the first sample is at most a day later: a run may begin without a signal.
        """
        if stated is None or self.start is None:
            known = [each for each in (stated, self.start) if each is not None]
            return known[0] if known else 0.0
        waited_s = self.start - stated
        return stated if 0 <= waited_s <= _LONGEST_WAIT_S else self.start

    def columns_from(self, begun: float) -> SampleColumns:
        """The columns, with times from `begun`, which is no later than the first sample."""
        later_s = 0.0 if self.start is None else self.start - begun
        if not later_s:
            return self.columns
        times = array("d", (later_s + each for each in self.columns.time_s))
        return replace(self.columns, time_s=times)


class SampleBuilder:
    """Samples of one activity, or of several that follow each other, in order of the file."""

    def __init__(self, budget: ReadingBudget) -> None:
        self._budget = budget
        self.times = array("d")
        self._values = tuple(array("d") for _ in _NAMES)
        self._segments = array("l")
        self._segment = 0
        self.is_cut = False
        """A part of the recording was left out: sums that the file states are of more than is left."""

    def __len__(self) -> int:
        return len(self.times)

    def add(self, unix_s: float, sample: Sample) -> None:
        """Add a sample; None is "not recorded". Raises FileTooLarge."""
        self._budget.take_sample()
        self.times.append(unix_s)
        self._segments.append(self._segment)
        for column, value in zip(self._values, sample, strict=True):
            column.append(nan if value is None else value)

    def begin_segment(self) -> None:
        """Say that the device stood still or was off before the next sample.

        No distance is computed across that.
        """
        self._segment += 1

    def column(self, name: str) -> "array[float]":
        return self._values[_NAMES.index(name)]

    def sort_segments(self, problems: ProblemList) -> None:
        """Put the segments in order of their starts, where a file has them in another."""
        starts = [0, *(i for i, (a, b) in enumerate(pairwise(self._segments), start=1) if a != b)]
        parts = [range(*each) for each in pairwise([*starts, len(self)])]
        ordered = sorted(parts, key=lambda part: self.times[part[0]] if part else 0.0)
        if ordered == parts:
            return
        problems.add("its segments are not in order of time: sorted")
        order = [index for part in ordered for index in part]
        self.times = array("d", map(self.times.__getitem__, order))
        self._values = tuple(array("d", map(each.__getitem__, order)) for each in self._values)
        self._segments = array("l", map(self._segments.__getitem__, order))

    def clean(self, problems: ProblemList) -> None:
        """Apply the rules on values and times. Call it once, before `built`."""
        for name, column in zip(_NAMES, self._values, strict=True):
            _drop_out_of_range(name, column, problems)
        self._drop_null_positions(problems)
        self._keep_longest_part(problems)
        self._order_times(problems)

    def drop_falling_distance(self, problems: ProblemList) -> None:
        """Forget distances that are not from the start, such as each step's own."""
        known = [each for each in self.column("distance_m") if not isnan(each)]
        if any(before - after > 1 for before, after in pairwise(known)):
            problems.add("its distances fall: computed from the positions instead")
            self._values[_NAMES.index("distance_m")][:] = array("d", [nan]) * len(self)

    def first_at(self, unix_s: float) -> int:
        """The index of the first sample at that time or later, in cleaned samples."""
        return bisect_left(self.times, unix_s)

    def built(self, start: int = 0, end: int | None = None) -> BuiltSamples:
        """The samples from index `start` to before `end`, as columns; nothing is added after it."""
        is_whole = not start and (end is None or end == len(self))
        times = self.times if is_whole else self.times[start:end]
        if not times:
            return BuiltSamples(None, SampleColumns(array("d")), distance_is_derived=False)
        begun = times[0]
        # Of the whole no copy is made: those of a large recording would take as much again.
        columns = {
            name: part
            for name, column in zip(_NAMES, self._values, strict=True)
            if not all(map(isnan, part := column if is_whole else column[start:end]))
        }
        is_derived = "distance_m" not in columns and "latitude" in columns
        if is_derived:
            positions = zip(columns["latitude"], columns["longitude"], strict=True)
            columns["distance_m"] = array("d", distances_m(positions, self._segments[start:end]))
        elif start and "distance_m" in columns:
            columns["distance_m"] = _from_zero(columns["distance_m"])
        time_s = array("d", (each - begun for each in times))
        return BuiltSamples(begun, SampleColumns(time_s, **columns), is_derived)

    # --- cleaning

    def _drop_null_positions(self, problems: ProblemList) -> None:
        latitudes, longitudes = self.column("latitude"), self.column("longitude")
        dropped = 0
        for index, latitude in enumerate(latitudes):
            longitude = longitudes[index]
            if (latitude == 0 and longitude == 0) or isnan(latitude) != isnan(longitude):
                latitudes[index] = longitudes[index] = nan
                dropped += 1
        if dropped:
            problems.add(f"positions that are 0, 0 or incomplete, left out: {dropped}")

    def _keep_longest_part(self, problems: ProblemList) -> None:
        gaps = [
            index
            for index, (before, after) in enumerate(pairwise(self.times), start=1)
            if abs(after - before) > _LONGEST_GAP_S
        ]
        if not gaps:
            return
        start, end = max(pairwise([0, *gaps, len(self)]), key=lambda part: part[1] - part[0])
        problems.add(f"samples with a wrong clock, left out: {len(self) - (end - start)}")
        self.is_cut = True
        self._select(bytearray(start <= index < end for index in range(len(self))))

    def _order_times(self, problems: ProblemList) -> None:
        if all(before <= after for before, after in pairwise(self.times)):
            return
        shift_s, last_s, kept = 0.0, self.times[0], bytearray()
        repeated = _Repeated(self)
        for index, time_s in enumerate(self.times):
            back_s = last_s - (time_s + shift_s)
            # The last of those that were repeated has the time of the sample before.
            is_back = back_s > 0 or (
                back_s == 0 and bool(kept) and not kept[-1] and repeated.is_known(index)
            )
            if back_s > _MOST_BACK_S and not repeated.is_known(index):
                problems.add(
                    f"the clock was set back by {back_s:.0f} s at sample {index}: "
                    "the times go on from the last"
                )
                shift_s += back_s + 1
                is_back = False
            kept.append(not is_back)
            if not is_back:
                self.times[index] = last_s = time_s + shift_s
        if dropped := kept.count(0):
            problems.add(f"samples that go back in time or repeat others, left out: {dropped}")
            self._select(kept)

    def _select(self, kept: bytearray) -> None:
        self.times = array("d", compress(self.times, kept))
        self._values = tuple(array("d", compress(each, kept)) for each in self._values)
        self._segments = array("l", compress(self._segments, kept))


class _Repeated:
    """Finds samples that stand in the file before, which some exports repeat with each lap."""

    def __init__(self, samples: SampleBuilder) -> None:
        self._times = samples.times[:]
        self._columns = [
            samples.column(name) for name in ("latitude", "longitude", "heart_rate_bpm")
        ]
        self._seen: set[tuple[float | None, ...]] | None = None

    def is_known(self, index: int) -> bool:
        """Whether an earlier sample has the same time, position and heart rate."""
        if self._seen is None:
            self._seen = {self._key(each) for each in range(index)}
        return self._key(index) in self._seen

    def _key(self, index: int) -> tuple[float | None, ...]:
        values = (column[index] for column in self._columns)
        return (self._times[index], *(None if isnan(each) else each for each in values))


def _drop_out_of_range(name: str, column: "array[float]", problems: ProblemList) -> None:
    least, most = VALUES[name]
    wrong = [
        index for index, value in enumerate(column) if not (isnan(value) or least <= value <= most)
    ]
    for index in wrong:
        column[index] = nan
    # Sensors without contact say 0 beats a minute: that is usual.
    odd = len(wrong)
    if odd and name != "heart_rate_bpm":
        problems.add(f"values of {name} out of range, left out: {odd}")


def _from_zero(distance_m: Sequence[float]) -> "array[float]":
    """The distances less the first: a later part of a recording begins at 0."""
    first_m = next(each for each in distance_m if not isnan(each))
    return array("d", (each - first_m for each in distance_m))


def join_laps(distance_m: "array[float]", lap_starts: Collection[int]) -> int:
    """Join distances that begin again with each lap, in place; returns how often they did.

    `lap_starts` are the indexes of the laps' first samples.
    """
    joined, before_m, last_m = 0, 0.0, 0.0
    for index, value in enumerate(distance_m):
        if index in lap_starts and value < last_m / 2:
            before_m += last_m
            joined += 1
        if not isnan(value):
            last_m = value
            distance_m[index] = before_m + value
    return joined
