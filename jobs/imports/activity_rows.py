"""Makes an activity's row and samples of what a file holds. Pure."""

from typing import Any

import numpy as np

from athletics.columns import Column, Floats, floats, total
from athletics.sport import is_run
from db.models import ActivitySource, StreamsState
from db.stream_codec import Samples
from db.stream_encoding import rounded
from jobs.activity_laps import LapRow
from recordings import RecordedActivity

UNKNOWN_SPORT = "Workout"
_LEAST_SAMPLES = 2
_LONGEST_NAME = 500
_LONGEST_DEVICE = 200
_FASTEST_HEART_BPM = 1_000
_FURTHEST = 1e12
"""Beyond any number of a lap that is not broken."""


def samples_of(activity: RecordedActivity) -> Samples | None:
    """Take the samples that have a distance; None for fewer than two."""
    columns = activity.samples
    if columns.distance_m is None:
        return None
    has_distance = ~np.isnan(floats(columns.distance_m))
    if np.count_nonzero(has_distance) < _LEAST_SAMPLES:
        return None
    taken: dict[str, Any] = {
        name: floats(column)[has_distance] for name, column in columns.named().items()
    }
    return rounded(Samples(**taken))


def activity_row(
    activity: RecordedActivity, *, file_name: str, streams_state: StreamsState
) -> dict[str, Any]:
    """Make a row of `activities`, without the athlete, the visibility, zone and local time."""
    elapsed_s = round(activity.elapsed_s)
    moving_s = activity.totals.timer_s
    rates = _known(activity.samples.heart_rate_bpm)
    steps = _known(activity.samples.cadence_rpm)
    steps = steps[steps > 0]
    return {
        "source": ActivitySource.FILE.value,
        "name": (activity.name or file_name)[:_LONGEST_NAME],
        "sport_type": activity.sport_type or UNKNOWN_SPORT,
        "started_at": activity.started_at,
        "distance_m": activity.distance_m,
        "moving_time_s": elapsed_s if moving_s is None else min(elapsed_s, round(moving_s)),
        "elapsed_time_s": elapsed_s,
        "elevation_gain_m": activity.totals.elevation_gain_m,
        "average_heart_rate_bpm": _mean(rates),
        "max_heart_rate_bpm": float(rates.max()) if len(rates) else None,
        "average_cadence_rpm": _mean(steps),
        "trainer": activity.is_indoor,
        "is_race": activity.is_race,
        "description": activity.description,
        "device_name": (activity.device or activity.app or "")[:_LONGEST_DEVICE] or None,
        "calories_kcal": activity.calories,
        "streams_state": streams_state.value,
    }


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


def _known(column: Column | None) -> Floats:
    values = floats(() if column is None else column)
    return values[~np.isnan(values)]


def _sound(value: float | None, most: float = _FURTHEST) -> float | None:
    return value if value is not None and 0 <= value <= most else None


def _mean(values: Floats) -> float | None:
    return round(total(values) / len(values), 1) if len(values) else None
