"""The efforts that one activity counts with, from all sources.

Each distance takes the first source that has a plausible effort over it:
1. the streams;
2. Strava's own best efforts, where there are no streams or the track is broken;
3. the whole activity, if it is from 0.2 % below to 1 % above the distance. It may lack up to 1 % if
   rounding explains that: 3.1 miles are a 5 km race.

No effort is longer than the activity, except for a whole activity within those limits. Samples are
scaled to the activity's distance on a treadmill, and elsewhere if they differ from it by more than
2 %: it was corrected. Jumps that break the track and are not in the activity's distance are no such
difference.

Times never contradict each other. A run over d2 in time t covers every shorter d1 within t:
- If an activity's effort over d1 takes longer than the one over d2, it takes the latter's time,
  start and provenance. Over one unbroken track the least time grows with the distance, so this
  happens only between sources.
- If an activity has an effort over d2 and none over a shorter d1, d1 gets the same effort, marked
  `implied`. It is always plausible, because the open standard grows with the distance. It is no
  measurement, so lists of efforts leave it out, and `personal_best.counting` lets it count only
  where a measured effort over d1 is slower. Only there could the best over d1 otherwise be longer
  than the best over d2.
So an activity's efforts have no gap up to its longest, and their times never fall with distance.
The least times over any set of activities keep that order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor

from athletics.age_grade_table import Sex
from athletics.best_effort import Effort, best_efforts_of_track
from athletics.columns import Column
from athletics.distance import (
    MILE_M,
    StandardDistance,
    standard_distance_of_strava,
)
from athletics.effort_place import HeartRateMeans, starts_m
from athletics.effort_provenance import EffortProvenance
from athletics.grade_cost import HeightProfile
from athletics.joined_track import JoinedTrack, join_pieces, never_falling
from athletics.plausibility import is_plausible
from athletics.split_finder import profile_of
from athletics.sport import is_run
from athletics.track import LEAST_DIP_M, NM_PER_M, StreamError, Track, numbers, read_track

WHOLE_ACTIVITY_MAX_EXCESS = 1.01
WHOLE_ACTIVITY_MAX_LACK = 0.002
WHOLE_ACTIVITY_MAX_ROUNDING = 0.01
"""How much the whole activity may lack where Strava's rounding explains it."""
CORRECTED_BEYOND = 0.02
"""Samples that differ from the activity's distance by more are scaled to it."""
LEAST_SAMPLES = 2
_ROUNDING_M = 0.1  # of Strava's `distance`
_ENTERED_ROUNDING_M = 0.5  # of a distance that was entered, as far as whole meters


@dataclass(frozen=True, slots=True)
class Streams:
    """Samples in order, of equal length; times and distances from the activity's start."""

    time_s: Sequence[float]
    distance_m: Sequence[float]
    heart_rate_bpm: Column | None = None
    altitude_m: Column | None = None


@dataclass(frozen=True, slots=True)
class StravaEffort:
    """One of Strava's `best_efforts`: `distance_m` as Strava rounds it, the start as an offset."""

    distance_m: float
    elapsed_s: float
    start_offset_s: float


@dataclass(frozen=True, slots=True)
class ActivityEffort:
    """`implied`: measured over a longer distance only (see the module).

    `start_m` and `heart_rate_bpm` are where it begins on the activity's distance, and the mean
    meanwhile; None without samples that tell.
    """

    distance: StandardDistance
    elapsed_s: float
    start_offset_s: float
    provenance: EffortProvenance
    implied: bool = False
    start_m: float | None = None
    heart_rate_bpm: float | None = None


@dataclass(frozen=True)
class RecordedRun:
    """The parts of one activity that its efforts are derived from.

    `distance_m` and `elapsed_s` are the whole activity's. `on_treadmill`: recorded indoors, so that
    the samples' distance is an estimate. Streams of fewer than two samples count as none.
    """

    distance_m: float
    elapsed_s: float
    on_treadmill: bool = False
    streams: Streams | None = None
    strava_efforts: Iterable[StravaEffort] = ()

    @cached_property
    def track(self) -> Track | None:
        """The track of the streams, scaled; None without streams. Raises StreamError."""
        if self.streams is None or len(self.streams.time_s) < LEAST_SAMPLES:
            return None
        scale = _scale(self, self.streams)
        return read_track(self.streams.time_s, self.streams.distance_m, scale=scale)

    @cached_property
    def joined_track(self) -> JoinedTrack | None:
        """The pieces of the track joined; None without one, and where the streams are none."""
        try:
            return join_pieces(self.track, self.distance_m) if self.track else None
        except StreamError:
            return None

    @cached_property
    def profile(self) -> HeightProfile | None:
        """The heights along the track; None on a treadmill, and where the altitudes are not sound."""
        if self.joined_track is None or self.streams is None or self.on_treadmill:
            return None
        return profile_of(
            self.joined_track, never_falling(self.streams.time_s), self.streams.altitude_m
        )


@dataclass(frozen=True, slots=True)
class ActivityEfforts:
    """At most one effort per standard distance, shortest first.

    `lacking`: distances that the activity covers but its streams have no plausible effort over;
    Strava may have one.
    """

    efforts: list[ActivityEffort]
    lacking: list[StandardDistance]


NO_EFFORTS = ActivityEfforts([], [])

_Efforts = Mapping[StandardDistance, ActivityEffort]


def efforts_of_activity(
    run: RecordedRun, *, sport_type: str, flagged: bool, sex: Sex | None
) -> ActivityEfforts:
    """The efforts of one activity; none unless an unflagged run.

    `sex` None is judged by men's standards. Raises StreamError for streams that are no track.
    """
    if flagged or not is_run(sport_type):
        return NO_EFFORTS
    track = run.track
    efforts = _plausible(_from_track(track, run.distance_m), sex) if track else {}
    lacking = [
        distance
        for distance in StandardDistance
        if distance not in efforts and distance.meters <= run.distance_m
    ]
    # A whole track is right about the distances that it is too short for.
    if lacking or track is None or track.is_broken:
        efforts = (
            _plausible(_from_whole_activity(run), sex)
            | _plausible(_from_strava(run.strava_efforts, run.distance_m), sex)
            | efforts
        )
    return ActivityEfforts(_placed(without_contradiction(efforts), run), lacking)


def without_contradiction(
    measured: Mapping[StandardDistance, ActivityEffort],
) -> list[ActivityEffort]:
    """One activity's efforts, corrected and filled from longer ones; shortest first."""
    efforts: list[ActivityEffort] = []
    longer: ActivityEffort | None = None
    for distance in reversed(StandardDistance):
        effort = _not_slower(distance, measured.get(distance), longer)
        if effort is not None:
            efforts.append(effort)
            longer = effort
    return efforts[::-1]


def _not_slower(
    distance: StandardDistance, own: ActivityEffort | None, longer: ActivityEffort | None
) -> ActivityEffort | None:
    if longer is None or (own is not None and own.elapsed_s <= longer.elapsed_s):
        return own
    return ActivityEffort(
        distance, longer.elapsed_s, longer.start_offset_s, longer.provenance, implied=own is None
    )


def _placed(efforts: list[ActivityEffort], run: RecordedRun) -> list[ActivityEffort]:
    """Add where efforts lie among the samples, if there are any."""
    track, streams = run.track, run.streams
    if track is None or streams is None:
        return efforts
    starts = starts_m(track, [each.start_offset_s for each in efforts])
    rates: list[float | None] = [None] * len(efforts)
    if streams.heart_rate_bpm is not None:
        spans = [(each.start_offset_s, each.start_offset_s + each.elapsed_s) for each in efforts]
        rates = HeartRateMeans(streams.time_s, streams.heart_rate_bpm).between(spans)
    return [
        ActivityEffort(
            each.distance,
            each.elapsed_s,
            each.start_offset_s,
            each.provenance,
            each.implied,
            start,
            rate,
        )
        for each, start, rate in zip(efforts, starts, rates, strict=True)
    ]


def _plausible(efforts: _Efforts, sex: Sex | None) -> dict[StandardDistance, ActivityEffort]:
    return {
        distance: effort
        for distance, effort in efforts.items()
        if is_plausible(distance, effort.elapsed_s, sex)
    }


# --- from the streams


def _scale(run: RecordedRun, streams: Streams) -> float:
    """The factor that makes the samples' distances end at the activity's.

    The samples may begin at a distance of 0 or, wrongly, beyond it, and a false one may be above
    the last: the length that fits best will do. Jumps that break the track are no correction.
    """
    meters = numbers("distance", streams.distance_m)
    ends_m = (float(meters.max()), float(meters[-1]))
    lengths_m = [
        length_m
        for length_m in (*ends_m, *(end_m - float(meters[0]) for end_m in ends_m))
        if length_m >= LEAST_DIP_M
    ]
    if not lengths_m:
        return 1.0
    recorded_m = min(lengths_m, key=lambda length_m: abs(length_m - run.distance_m))
    is_corrected = _is_off(recorded_m, run) and _is_off(_unbroken_m(streams), run)
    return run.distance_m / recorded_m if run.on_treadmill or is_corrected else 1.0


def _is_off(length_m: float, run: RecordedRun) -> bool:
    return abs(length_m - run.distance_m) > CORRECTED_BEYOND * run.distance_m


def _unbroken_m(streams: Streams) -> float:
    """The length of the track without its breaks."""
    pieces = read_track(streams.time_s, streams.distance_m).pieces
    return sum(piece.length_nm for piece in pieces) / NM_PER_M


def _from_track(track: Track, distance_m: float) -> _Efforts:
    covered = [each for each in StandardDistance if each.meters <= distance_m + _ROUNDING_M]
    return {
        distance: _effort(distance, effort, EffortProvenance.STREAM)
        for distance, effort in best_efforts_of_track(track, covered).items()
    }


# --- from elsewhere


def _from_strava(given: Iterable[StravaEffort], distance_m: float) -> _Efforts:
    """The faster, then the earlier, where Strava gives two over one distance."""
    efforts: dict[StandardDistance, ActivityEffort] = {}
    for best in sorted(given, key=lambda effort: (effort.elapsed_s, effort.start_offset_s)):
        distance = standard_distance_of_strava(best.distance_m)
        if distance is not None and distance.meters <= distance_m + _ROUNDING_M:
            effort = Effort(best.elapsed_s, best.start_offset_s)
            efforts.setdefault(distance, _effort(distance, effort, EffortProvenance.STRAVA))
    return efforts


def _from_whole_activity(run: RecordedRun) -> _Efforts:
    return {
        distance: _effort(distance, Effort(run.elapsed_s, 0.0), EffortProvenance.WHOLE_ACTIVITY)
        for distance in StandardDistance
        if is_whole(distance, run.distance_m)
    }


def is_whole(distance: StandardDistance, distance_m: float) -> bool:
    """Whether an activity of `distance_m` as a whole is one over the standard distance."""
    share = distance_m / distance.meters
    if 1 - WHOLE_ACTIVITY_MAX_LACK <= share <= WHOLE_ACTIVITY_MAX_EXCESS:
        return True
    is_near = 1 - WHOLE_ACTIVITY_MAX_ROUNDING <= share < 1
    return is_near and any(
        abs(distance_m - rounded_m) <= _ENTERED_ROUNDING_M for rounded_m in _rounded(distance)
    )


def _rounded(distance: StandardDistance) -> Iterator[float]:
    """The distance as it is entered in miles or kilometers of one or two decimals, in meters."""
    for unit_m in (MILE_M, 1000.0):
        for steps in (10, 100):
            exact = distance.meters / unit_m * steps
            yield round(exact) / steps * unit_m
            yield floor(exact) / steps * unit_m


def _effort(
    distance: StandardDistance, effort: Effort, provenance: EffortProvenance
) -> ActivityEffort:
    return ActivityEffort(distance, effort.elapsed_s, effort.start_offset_s, provenance)
