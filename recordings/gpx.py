"""Reads GPX 1.0 and 1.1: each track with times is an activity.

Extensions are read by local name, whatever their namespace: Garmin's TrackPointExtension,
Cluetrust's gpxdata, Strava's and others name the same things alike.
"""

from collections.abc import Mapping
from typing import BinaryIO

from recordings.errors import FileTooLarge, NotARecording, UnreadableFile
from recordings.numbers import number, unix_time, utc
from recordings.problems import ProblemList, paragraphs, words
from recordings.recorded_activity import ReadFile, RecordedActivity
from recordings.sample_builder import ReadingBudget, SampleBuilder, sample_of
from recordings.sport_words import is_indoor_word, sport_type_in, sport_type_of
from recordings.xml_events import ElementHandler, read_elements

_POINT_FIELDS = {
    "ele": "altitude",
    "hr": "heart_rate",
    "heartrate": "heart_rate",
    "cad": "cadence",
    "cadence": "cadence",
    "runcadence": "cadence",
    "atemp": "temperature",
    "temp": "temperature",
    "temperature": "temperature",
    "power": "power",
    "powerinwatts": "power",
    "watts": "power",
    "speed": "speed",
    "distance": "distance",
}
"""Elements within a point, in lower case."""


def read_gpx(stream: BinaryIO, budget: ReadingBudget) -> ReadFile:
    """Read a stream to its end. Raises RecordingError where nothing can be kept."""
    problems = ProblemList()
    handler = _GpxHandler(budget, problems)
    read_elements(stream, handler, budget, problems)
    handler.end_track()  # of a file that ends early
    if not handler.activities:
        raise _without_activity(handler, budget.file, problems)
    if handler.routes:
        problems.add(f"{handler.routes} routes, which are plans: left out")
    activities = tuple(sorted(handler.activities, key=lambda each: each.started_at))
    return ReadFile("GPX", activities, problems.messages())


def _without_activity(
    handler: "_GpxHandler", file: str, problems: ProblemList
) -> NotARecording | UnreadableFile:
    if handler.unread_times:
        return UnreadableFile(
            file,
            f"{handler.unread_times} of its times are none, or not between 1990 and 2100.",
            "Correct them, or export it again.",
        )
    if handler.points:
        return NotARecording(
            file,
            "its tracks have no times, so it is a plan or a drawing, no activity.",
            "Export the activity itself, with times.",
        )
    if handler.routes or handler.waypoints:
        return NotARecording(
            file,
            "it has routes or waypoints only, which are plans.",
            "Choose files of activities.",
        )
    lost = "; ".join(("it has no track", *problems.messages()))
    return UnreadableFile(file, f"{lost}.", "Export it from the device or the service again.")


class _GpxHandler(ElementHandler):
    def __init__(self, budget: ReadingBudget, problems: ProblemList) -> None:
        super().__init__()
        self._budget = budget
        self._problems = problems
        self.activities: list[RecordedActivity] = []
        self.points = self.routes = self.waypoints = self.unread_times = 0
        self._creator: str | None = None
        self._file_name: str | None = None
        self._track: SampleBuilder | None = None
        self._texts: dict[str, str] = {}
        self._point: dict[str, float | None] | None = None
        self._time: str | None = None
        self._without_time = 0

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "trkpt" and self._track is not None:
            self._point = {
                "latitude": number(attributes.get("lat")),
                "longitude": number(attributes.get("lon")),
            }
            self._time = None
        elif name == "trkseg" and self._track is not None:
            self._track.begin_segment()
        elif name == "trk":
            self.end_track()
            self._track = SampleBuilder(self._budget)
            self._texts = {}
            self._without_time = 0
        elif name == "gpx":
            self._creator = attributes.get("creator")
        elif name == "rte":
            self.routes += 1
        elif name == "wpt":
            self.waypoints += 1

    def end(self, name: str, text: str) -> None:
        if self._point is not None:
            if name == "trkpt":
                self._end_point(self._point)
                self._point = None
            elif name == "time":
                self._time = text
            elif (field := _POINT_FIELDS.get(name.lower())) is not None:
                self._point.setdefault(field, number(text))
        elif name == "trk":
            self.end_track()
        elif self.parent == "trk":
            self._texts.setdefault(name, text)
        elif name == "name" and self.parent in {"metadata", "gpx"}:
            self._file_name = text

    def _end_point(self, point: dict[str, float | None]) -> None:
        assert self._track is not None  # a point is in a track
        self.points += 1
        time_s = unix_time(self._time)
        if time_s is None:
            self._without_time += 1
            self.unread_times += bool((self._time or "").strip())
            return
        self._track.add(time_s, sample_of(point))

    def end_track(self) -> None:
        track, self._track, self._point = self._track, None, None
        if track is None:
            return
        problems = ProblemList()
        if self._without_time and len(track):
            problems.add(f"{self._without_time} points without a time: left out")
        elif self._without_time:
            self._problems.add("a track without times, which is a plan: left out")
        if not len(track):
            return
        if len(self.activities) >= self._budget.limits.activities:
            raise FileTooLarge(
                self._budget.file,
                f"it has more than {self._budget.limits.activities:,} tracks.",
                "Split it.",
            )
        self.activities.append(self._activity(track, problems))

    def _activity(self, track: SampleBuilder, problems: ProblemList) -> RecordedActivity:
        track.sort_segments(problems)
        track.clean(problems)
        track.drop_falling_distance(problems)
        built = track.built()
        begun = built.begin(None)
        sport = self._texts.get("type")
        name = words(self._texts.get("name")) or words(self._file_name)
        return RecordedActivity(
            started_at=utc(begun),
            sport_type=sport_type_of(sport) or sport_type_in(name),
            sport_in_file=words(sport),
            is_indoor=is_indoor_word(sport),
            name=name,
            description=paragraphs(self._texts.get("desc") or self._texts.get("cmt")),
            device=words(self._texts.get("src")),
            app=words(self._creator),
            samples=built.columns,
            distance_is_derived=built.distance_is_derived,
            problems=problems.messages(),
        )
