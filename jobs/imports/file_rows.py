"""Makes an activity's row and samples of what a file holds. Pure."""

from typing import Any

import numpy as np

from athletics.activity_effort import RecordedRun
from athletics.columns import Column, Floats, floats, total
from athletics.elevation_gain import elevation_gain_m
from athletics.heart_rate import LONGEST_STEP_S
from athletics.sport import covers_ground, is_run
from db.models import ActivitySource, StreamsState
from db.stream_codec import Samples
from db.stream_encoding import rounded
from jobs.activity_laps import LapRow
from recordings import RecordedActivity
from recordings.recorded_activity import StatedTotals

UNKNOWN_SPORT = "Workout"
_LEAST_SAMPLES = 2
_LONGEST_NAME = 500
_LONGEST_DEVICE = 200
_FASTEST_HEART_BPM = 1_000
_LARGEST = 1e12
"""Beyond any number of a lap that is not broken."""


def samples_of(activity: RecordedActivity) -> Samples | None:
    """Take the samples that have a distance; None for fewer than two."""
    columns = activity.samples
    if columns.distance_m is None:
        return None
    has_distance = ~np.isnan(floats(columns.distance_m))
    if np.count_nonzero(has_distance) < _LEAST_SAMPLES:
        return None
    taken: dict[str, Any] = columns.named()
    if not has_distance.all():
        taken = {name: floats(column)[has_distance] for name, column in taken.items()}
    return rounded(Samples(**taken))


def activity_row(
    activity: RecordedActivity, *, file_name: str, streams_state: StreamsState
) -> dict[str, Any]:
    """Make a row of `activities`, without the athlete, the visibility, zone and local time.

    `derived_sums` has the sums that the file does not state.
    """
    elapsed_s = round(activity.elapsed_s)
    moving_s = activity.totals.timer_s or elapsed_s
    times_s = floats(activity.samples.time_s)
    rates, cadences = activity.samples.heart_rate_bpm, activity.samples.cadence_rpm
    return {
        "source": ActivitySource.FILE.value,
        "name": (activity.name or file_name)[:_LONGEST_NAME],
        "sport_type": activity.sport_type or UNKNOWN_SPORT,
        "started_at": activity.started_at,
        "distance_m": activity.distance_m,
        "moving_time_s": min(elapsed_s, round(moving_s)),
        "elapsed_time_s": elapsed_s,
        "elevation_gain_m": activity.totals.elevation_gain_m,
        "average_heart_rate_bpm": _mean(rates, times_s),
        "max_heart_rate_bpm": None if rates is None else float(np.fmax.reduce(floats(rates))),
        "average_cadence_rpm": _mean(cadences, times_s),
        "trainer": activity.is_indoor,
        "is_race": activity.is_race,
        "description": activity.description,
        "device_name": (activity.device or activity.app or "")[:_LONGEST_DEVICE] or None,
        "calories_kcal": activity.calories,
        "streams_state": streams_state.value,
    }


def derived_sums(sport_type: str, totals: StatedTotals, run: RecordedRun) -> dict[str, Any]:
    """Compute columns of the row that the file does not state, by the samples of the run.

    Empty for activities that cover no ground, and without samples. The moving time is by the rule of
    splits.
    """
    sums: dict[str, Any] = {}
    if run.joined_track is None or not covers_ground(sport_type):
        return sums
    if not totals.timer_s:
        sums["moving_time_s"] = min(
            round(run.elapsed_s), round(float(run.joined_track.moving_s[-1]))
        )
    if totals.elevation_gain_m is None and run.profile is not None:
        sums["elevation_gain_m"] = round(elevation_gain_m(run.profile.height_m), 1)
    return sums


def lap_rows(activity: RecordedActivity) -> list[LapRow]:
    """Make rows of the laps, in order of their start."""
    return [
        LapRow(
            start_offset_s=lap.start_s,
            elapsed_time_s=lap.elapsed_s,
            moving_time_s=_sound(lap.moving_s),
            distance_m=_sound(lap.distance_m),
            average_heart_rate_bpm=_sound(lap.average_heart_rate_bpm, _FASTEST_HEART_BPM) or None,
        )
        for lap in sorted(activity.laps, key=lambda lap: lap.start_s)
        if _sound(lap.start_s) is not None and _sound(lap.elapsed_s) is not None
    ]


def state_of(activity: RecordedActivity, samples: Samples | None) -> StreamsState:
    """Tell what becomes of the samples: only those of runs are stored."""
    if not is_run(activity.sport_type or UNKNOWN_SPORT):
        return StreamsState.UNWANTED
    return StreamsState.ABSENT if samples is None else StreamsState.STORED


def _sound(value: float | None, most: float = _LARGEST) -> float | None:
    return value if value is not None and 0 <= value <= most else None


def _mean(column: Column | None, times_s: Floats) -> float | None:
    """The mean of the values that are known and not 0; each lasts until the next sample.

    So it does not depend on how often samples were taken. A pause belongs to none. Where none lasts,
    each counts alike.
    """
    if column is None:
        return None
    values = floats(column)
    steps_s = np.diff(times_s, append=times_s[-1:])
    steps_s[steps_s > LONGEST_STEP_S] = 0.0
    is_known = values > 0  # NaN is not
    values, steps_s = values[is_known], steps_s[is_known]
    if not steps_s.any():
        steps_s = np.ones(len(values))
    return round(total(values * steps_s) / total(steps_s), 1) if len(values) else None
