"""Reads TCX, Garmin's Training Center format: each `Activity` is one, also those of a multisport."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from recordings.errors import FileTooLarge, NotARecording, UnreadableFile
from recordings.numbers import number, unix_time, utc
from recordings.problems import ProblemList, paragraphs, words
from recordings.recorded_activity import (
    ReadFile,
    RecordedActivity,
    RecordedLap,
    SampleColumns,
    StatedTotals,
)
from recordings.sample_builder import ReadingBudget, SampleBuilder, join_laps, sample_of
from recordings.sport_words import sport_type_of
from recordings.xml_events import ElementHandler, read_elements

_POINT_FIELDS = {
    "LatitudeDegrees": "latitude",
    "LongitudeDegrees": "longitude",
    "AltitudeMeters": "altitude",
    "DistanceMeters": "distance",
    "Cadence": "cadence",
    "RunCadence": "cadence",
    "Watts": "power",
    "Speed": "speed",
    "Temperature": "temperature",
}
_LAP_FIELDS = {"TotalTimeSeconds", "DistanceMeters", "Calories", "TriggerMethod"}


def read_tcx(stream: BinaryIO, budget: ReadingBudget) -> ReadFile:
    """Read a stream to its end. Raises RecordingError where nothing can be kept."""
    problems = ProblemList()
    handler = _TcxHandler(budget, problems)
    read_elements(stream, handler, budget, problems)
    handler.end_activity()  # of a file that ends early
    if handler.activities:
        activities = sorted(handler.activities, key=lambda each: each.started_at)
        return ReadFile("TCX", tuple(activities), problems.messages())
    if handler.has_courses:
        raise NotARecording(
            budget.file, "it has courses only, which are plans.", "Choose files of activities."
        )
    lost = "; ".join(("it has no activity with times", *problems.messages()))
    raise UnreadableFile(budget.file, f"{lost}.", "Export it from the device or the service again.")


class _TcxLap:
    """A lap while it is read; `first` is the index of its first sample.

    `is_whole`: its end was read.
    """

    def __init__(self, start: float | None, first: int) -> None:
        self.start = start
        self.first = first
        self.is_whole = False
        self.fields: dict[str, str] = {}

    def number(self, name: str) -> float | None:
        value = number(self.fields.get(name))
        return value if value is not None and value >= 0 else None


class _TcxHandler(ElementHandler):
    def __init__(self, budget: ReadingBudget, problems: ProblemList) -> None:
        super().__init__()
        self._budget = budget
        self._problems = problems
        self.activities: list[RecordedActivity] = []
        self.has_courses = False
        self._sport: str | None = None
        self._samples: SampleBuilder | None = None
        self._laps: list[_TcxLap] = []
        self._texts: dict[str, str] = {}
        self._point: dict[str, float | None] | None = None
        self._time: str | None = None
        self._without_time = 0

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Trackpoint" and self._samples is not None:
            self._point, self._time = {}, None
        elif name == "Lap" and self._samples is not None:
            if len(self._laps) >= self._budget.limits.laps:
                raise self._too_large("laps", self._budget.limits.laps)
            start = unix_time(attributes.get("StartTime"))
            self._laps.append(_TcxLap(start, len(self._samples)))
        elif name == "Activity":
            self.end_activity()
            self._sport = attributes.get("Sport")
            self._samples = SampleBuilder(self._budget)
            self._laps, self._texts, self._without_time = [], {}, 0
        elif name == "Course":
            self.has_courses = True

    def end(self, name: str, text: str) -> None:
        if self._samples is None:
            return
        if self._point is not None:
            self._end_in_point(self._point, name, text)
        elif name == "Activity":
            self.end_activity()
        elif name == "Lap" and self._laps:
            self._laps[-1].is_whole = True
        elif self.parent == "Lap" and name in _LAP_FIELDS:
            self._laps[-1].fields.setdefault(name, text)
        elif name == "Value" and "Lap" in self.path and self._laps:
            self._laps[-1].fields.setdefault(self.parent, text)
        elif self.parent in {"Activity", "Creator", "Plan"} and name in {"Id", "Notes", "Name"}:
            self._texts.setdefault(f"{self.parent}.{name}", text)

    def _end_in_point(self, point: dict[str, float | None], name: str, text: str) -> None:
        if name == "Trackpoint":
            self._end_point(point)
            self._point = None
        elif name == "Time":
            self._time = text
        elif name == "Value" and self.parent == "HeartRateBpm":
            point["heart_rate"] = number(text)
        elif (field := _POINT_FIELDS.get(name)) is not None:
            point.setdefault(field, number(text))

    def _end_point(self, point: dict[str, float | None]) -> None:
        assert self._samples is not None  # a point is in an activity
        time_s = unix_time(self._time)
        if time_s is None:
            self._without_time += 1
            return
        self._samples.add(time_s, sample_of(point))

    def end_activity(self) -> None:
        samples, self._samples, self._point = self._samples, None, None
        if samples is None:
            return
        if not len(samples) and not any(lap.start is not None for lap in self._laps):
            self._problems.add("an activity without times: left out")
            return
        if len(self.activities) >= self._budget.limits.activities:
            raise self._too_large("activities", self._budget.limits.activities)
        self.activities.append(self._activity(samples))

    def _activity(self, samples: SampleBuilder) -> RecordedActivity:
        problems = ProblemList()
        if self._without_time:
            problems.add(f"{self._without_time} points without a time: left out")
        if not len(samples):
            problems.add("no samples: only laps and sums are kept")
        elif self._laps and not self._laps[-1].is_whole:
            # They stand before its samples, and are of more than what is left of these.
            self._laps[-1].fields.clear()
        joined = join_laps(samples.column("distance_m"), {lap.first for lap in self._laps[1:]})
        if joined:
            problems.add("its distances begin again with each lap: joined")
        samples.clean(problems)
        built = samples.built()
        starts = (lap.start for lap in self._laps if lap.start is not None)
        begun = built.begin(next(starts, None))
        columns = built.columns_from(begun)
        return RecordedActivity(
            started_at=utc(begun),
            sport_type=sport_type_of(self._sport),
            sport_in_file=words(self._sport),
            name=words(self._texts.get("Plan.Name")),
            description=paragraphs(self._texts.get("Activity.Notes")),
            device=words(self._texts.get("Creator.Name")),
            samples=columns,
            distance_is_derived=built.distance_is_derived,
            laps=tuple(_recorded(self._laps, begun, columns)),
            totals=_totals(self._laps).of_a_part() if samples.is_cut else _totals(self._laps),
            problems=problems.messages(),
        )

    def _too_large(self, what: str, most: int) -> FileTooLarge:
        return FileTooLarge(
            self._budget.file,
            f"it has more than {most:,} {what}.",
            "Split it into shorter recordings.",
        )


def _recorded(laps: list[_TcxLap], begun: float, samples: SampleColumns) -> Iterator[RecordedLap]:
    """Make the laps with a start.

    A lap lasts until the next one, or the last sample: its own `TotalTimeSeconds` leaves pauses
    out.
    """
    started = [(lap, lap.start) for lap in laps if lap.start is not None]
    end = begun + samples.time_s[-1] if len(samples) else None
    ends = [*(start for _, start in started[1:]), end]
    for (lap, start), until in zip(started, ends, strict=True):
        timer_s = lap.number("TotalTimeSeconds")
        lasted_s = until - start if until is not None else 0.0
        yield RecordedLap(
            start_s=max(0.0, start - begun),
            elapsed_s=max(timer_s or 0.0, lasted_s),
            moving_s=timer_s,
            distance_m=lap.number("DistanceMeters"),
            average_heart_rate_bpm=lap.number("AverageHeartRateBpm"),
            max_heart_rate_bpm=lap.number("MaximumHeartRateBpm"),
            calories=lap.number("Calories"),
            trigger=words(lap.fields.get("TriggerMethod"), 64),
        )


def _totals(laps: list[_TcxLap]) -> StatedTotals:
    """Sums of the laps. TCX has no others; a lap's `TotalTimeSeconds` leaves pauses out.

    Distance and time are None where a lap does not tell its own.
    """

    def known(name: str) -> list[float]:
        return [value for lap in laps if (value := lap.number(name)) is not None]

    def total(name: str) -> float | None:
        found = known(name)
        return sum(found) if found and len(found) == len(laps) else None

    calories = known("Calories")
    return StatedTotals(
        distance_m=total("DistanceMeters"),
        timer_s=total("TotalTimeSeconds"),
        calories=sum(calories) if calories else None,
    )
