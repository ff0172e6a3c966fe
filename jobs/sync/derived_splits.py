"""Derives the splits of an activity from its samples, and the time at each heart rate."""

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from athletics.activity_effort import RecordedRun
from athletics.rate_times import heart_rates
from athletics.split import Split, SplitUnit
from athletics.track import StreamError
from athletics.way import never_falling, profile_of, splits, way_of
from db.statements import activity_split, heart_rate
from db.stream_codec import Samples
from jobs.sync.derived_rows import recorded_run

_DIGITS = 3


def derive_splits(run: RecordedRun, samples: Samples) -> list[dict[str, Any]]:
    """Make rows of `activity_splits`, without the activity; none without a track.

    `samples` are the run's streams.
    """
    track = None
    with suppress(StreamError):  # of a flagged run nobody else reads the track
        track = run.track
    way = way_of(track, run.distance_m) if track else None
    if way is None:
        return []
    times = never_falling(samples.time_s)
    profile = None if run.on_treadmill else profile_of(way, times, samples.altitude_m)
    return [
        _row(unit, split)
        for unit in SplitUnit
        for split in splits(
            way, unit, sample_time_s=times, heart_rate_bpm=samples.heart_rate_bpm, profile=profile
        )
    ]


def write_splits(connection: Connection, activity: Any, samples: Samples | None) -> None:
    """Replace the splits of an activity; without a track it has none."""
    rows: list[dict[str, Any]] = []
    if samples is not None:
        owner = {"activity_id": activity.id, "athlete_id": activity.athlete_id}
        found = derive_splits(recorded_run(activity, samples), samples)
        rows = [owner | row for row in found]
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


def _row(unit: SplitUnit, split: Split) -> dict[str, Any]:
    return {
        "unit": unit.value,
        "split_number": split.number,
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
