"""Derives the splits of an activity from its samples, and the time at each heart rate."""

from contextlib import suppress
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection

from athletics.activity_effort import RecordedRun, Streams, track_of_run
from athletics.heart_rate import heart_rates
from athletics.split import Split, SplitUnit, profile_of, splits, way_of
from athletics.track import StreamError
from db.statements import activity_split, heart_rate
from db.stream_codec import Samples

_DIGITS = 3


def derive_splits(activity: Any, samples: Samples) -> list[dict[str, Any]]:
    """Make rows of `activity_splits`. `activity` is a row as efforts are derived from.

    Raises athletics.track.StreamError.
    """
    track = track_of_run(
        RecordedRun(
            distance_m=activity.distance_m,
            elapsed_s=activity.elapsed_time_s,
            on_treadmill=activity.trainer,
            streams=Streams(samples.time_s, samples.distance_m),
        )
    )
    way = way_of(track, activity.distance_m) if track else None
    if way is None:
        return []
    times = list(accumulate(samples.time_s, max))
    profile = None if activity.trainer else profile_of(way, times, samples.altitude_m)
    return [
        _row(activity, unit, split)
        for unit in SplitUnit
        for split in splits(
            way, unit, sample_time_s=times, heart_rate_bpm=samples.heart_rate_bpm, profile=profile
        )
    ]


def write_splits(connection: Connection, activity: Any, samples: Samples | None) -> None:
    """Replace the splits of an activity; without a track it has none."""
    rows: list[dict[str, Any]] = []
    if samples is not None:
        with suppress(StreamError):  # of a flagged run nobody else reads the track
            rows = derive_splits(activity, samples)
    connection.execute(activity_split.discard(), {"activity": activity.id})
    if rows:
        connection.execute(activity_split.add(), rows)


def write_heart_rates(connection: Connection, activity: Any, samples: Samples | None) -> None:
    """Replace the time at each heart rate of an activity; without rates it has none."""
    found = None
    if samples is not None:
        found = heart_rates(samples.time_s, samples.heart_rate_bpm)
    values = {"activity": activity.id}
    if found is None:
        connection.execute(heart_rate.discard_rates(), values)
        return
    values |= {"athlete": activity.athlete_id, "new_lowest": found.lowest_bpm}
    connection.execute(heart_rate.store_rates(), {**values, "new_seconds": found.seconds})


def _row(activity: Any, unit: SplitUnit, split: Split) -> dict[str, Any]:
    return {
        "activity_id": activity.id,
        "unit": unit.value,
        "split_number": split.number,
        "athlete_id": activity.athlete_id,
        "start_offset_s": max(0.0, round(split.start_offset_s, _DIGITS)),
        "distance_m": round(split.distance_m, _DIGITS),
        "elapsed_time_s": round(split.elapsed_s, _DIGITS),
        "moving_time_s": round(split.moving_s, _DIGITS),
        "is_partial": split.is_partial,
        "average_heart_rate_bpm": _rounded(split.average_heart_rate_bpm, 1),
        "elevation_change_m": _rounded(split.elevation_change_m, 1),
        "level_distance_m": _rounded(split.level_distance_m, _DIGITS),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
