"""
The efforts that one activity counts with, wherever they come from.

Per distance: from the streams when there are any, and then only from them; else Strava's own best
effort; else the whole activity, when it is at most 1 % longer than the distance. Implausible ones are
dropped whole.

Times must never contradict each other, because who ran d2 in t has run every shorter d1 within t:
- Inside an activity an effort over d1 that is longer than the one over d2 takes the latter's time, start
  and provenance. Only efforts from Strava or whole activities can need it: over a track the least time
  grows with the distance.
- Where an activity has an effort over d2 and none over a shorter d1 (none was given, or it was dropped),
  d1 gets the same effort, marked `implied`. It is always plausible, for the open standard grows with the
  distance. It stands for no measurement, so lists of efforts leave it out, and `personal_best.counting`
  lets it count only where some measured effort over d1 is slower: there, and only there, the best over
  d1 could otherwise be longer than the best over d2.
An activity's efforts thus have no gap up to its longest and their times never fall with distance; the
least over any set of such activities keeps that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from athletics.age_grade_table import Sex
from athletics.best_effort import Effort, best_efforts
from athletics.distance import StandardDistance, standard_distance_of_strava
from athletics.plausibility import is_plausible
from athletics.sport import is_run

WHOLE_ACTIVITY_MAX_EXCESS = 1.01
LEAST_SAMPLES = 2


class EffortProvenance(StrEnum):
    STREAM = "STREAM"
    STRAVA = "STRAVA"
    WHOLE_ACTIVITY = "WHOLE_ACTIVITY"


@dataclass(frozen=True, slots=True)
class Streams:
    """Samples in order, of equal length, both from the activity's start."""

    time_s: Sequence[float]
    distance_m: Sequence[float]


@dataclass(frozen=True, slots=True)
class StravaEffort:
    """One of Strava's `best_efforts`: `distance_m` as Strava rounds it, the start from the activity's start."""

    distance_m: float
    elapsed_s: float
    start_offset_s: float


@dataclass(frozen=True, slots=True)
class ActivityEffort:
    """`implied`: measured over a longer distance only (see the module)."""

    distance: StandardDistance
    elapsed_s: float
    start_offset_s: float
    provenance: EffortProvenance
    implied: bool = False


def efforts_of_activity(
    *,
    sport_type: str,
    flagged: bool,
    distance_m: float,
    elapsed_s: float,
    sex: Sex | None,
    streams: Streams | None = None,
    strava_efforts: Iterable[StravaEffort] = (),
) -> list[ActivityEffort]:
    """
    At most one effort per standard distance, shortest first; none unless an unflagged run.

    `distance_m` and `elapsed_s` are the whole activity's; `sex` None is judged by men's standards.
    Streams of fewer than two samples count as none. StreamError for streams that are no track.
    """
    if flagged or not is_run(sport_type):
        return []
    if streams is not None and len(streams.time_s) >= LEAST_SAMPLES:
        measured = _from_streams(streams)
    else:
        measured = _from_whole_activity(distance_m, elapsed_s) | _from_strava(strava_efforts)
    plausible = {d: effort for d, effort in measured.items() if is_plausible(d, effort.elapsed_s, sex)}
    return without_contradiction(plausible)


def without_contradiction(measured: Mapping[StandardDistance, ActivityEffort]) -> list[ActivityEffort]:
    """One activity's efforts with shorter distances corrected and filled from longer ones; shortest first."""
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
    return ActivityEffort(distance, longer.elapsed_s, longer.start_offset_s, longer.provenance, implied=own is None)


def _from_streams(streams: Streams) -> dict[StandardDistance, ActivityEffort]:
    efforts = best_efforts(streams.time_s, streams.distance_m)
    return {distance: _effort(distance, effort, EffortProvenance.STREAM) for distance, effort in efforts.items()}


def _from_strava(given: Iterable[StravaEffort]) -> dict[StandardDistance, ActivityEffort]:
    """The faster, then the earlier, where Strava gives two over one distance."""
    efforts: dict[StandardDistance, ActivityEffort] = {}
    for best in sorted(given, key=lambda effort: (effort.elapsed_s, effort.start_offset_s)):
        distance = standard_distance_of_strava(best.distance_m)
        if distance is not None:
            effort = Effort(best.elapsed_s, best.start_offset_s)
            efforts.setdefault(distance, _effort(distance, effort, EffortProvenance.STRAVA))
    return efforts


def _from_whole_activity(distance_m: float, elapsed_s: float) -> dict[StandardDistance, ActivityEffort]:
    return {
        distance: _effort(distance, Effort(elapsed_s, 0.0), EffortProvenance.WHOLE_ACTIVITY)
        for distance in StandardDistance
        if distance.meters <= distance_m <= WHOLE_ACTIVITY_MAX_EXCESS * distance.meters
    }


def _effort(distance: StandardDistance, effort: Effort, provenance: EffortProvenance) -> ActivityEffort:
    return ActivityEffort(distance, effort.elapsed_s, effort.start_offset_s, provenance)
