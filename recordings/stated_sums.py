"""Leaves out sums that no activity has: a broken file states any number, such as 1e308 meters."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from recordings.recorded_activity import RecordedActivity, RecordedLap, StatedTotals
from recordings.sample_builder import VALUES

_, _MOST_M = VALUES["distance_m"]
_MOST = {
    "distance_m": _MOST_M,
    "start_s": 1e7,
    "elapsed_s": 1e7,
    "timer_s": 1e7,
    "moving_s": 1e7,
    "calories": 1e6,
    "elevation_gain_m": 1e6,
}
"""The most of each; a third of a year of time."""
_ENDLESS = {"start_s", "elapsed_s"}


def without_unsound_sums(activity: RecordedActivity) -> RecordedActivity:
    """The activity without stated sums that are negative or too large, and without endless laps."""
    of_totals = list(_unsound(activity.totals))
    totals = replace(activity.totals, **dict.fromkeys(of_totals))
    laps = tuple(_sound_laps(activity.laps))
    if not of_totals and laps == activity.laps:
        return activity
    problem = "stated sums out of range: left out"
    return replace(activity, totals=totals, laps=laps, problems=(*activity.problems, problem))


def _sound_laps(laps: Iterable[RecordedLap]) -> Iterator[RecordedLap]:
    for lap in laps:
        unsound: dict[str, Any] = dict.fromkeys(_unsound(lap))
        if _ENDLESS.isdisjoint(unsound):
            yield replace(lap, **unsound) if unsound else lap


def _unsound(sums: StatedTotals | RecordedLap) -> Iterator[str]:
    for name, most in _MOST.items():
        value = getattr(sums, name, None)
        if value is not None and not 0 <= value <= most:
            yield name
