"""Derives the splits of an activity from its samples. Pure."""

from typing import Any

from athletics.activity_effort import RecordedRun
from athletics.joined_track import never_falling
from athletics.split import Split, SplitUnit
from athletics.split_finder import splits
from db.stream_codec import Samples

SPLIT_COLUMNS = (
    "unit", "split_number", "start_offset_s", "distance_m", "elapsed_time_s", "moving_time_s",
    "is_partial", "average_heart_rate_bpm", "elevation_change_m", "level_distance_m",
)  # fmt: skip
"""The columns of the rows that `derive_splits` makes."""
_DIGITS = 3


def derive_splits(run: RecordedRun, samples: Samples) -> list[dict[str, Any]]:
    """Make rows of `activity_splits`, without the activity; none without a track.

    `samples` are the run's streams.
    """
    if run.joined_track is None:
        return []
    times = never_falling(samples.time_s)
    return [
        _row(unit, split)
        for unit in SplitUnit
        for split in splits(
            run.joined_track,
            unit,
            sample_time_s=times,
            heart_rate_bpm=samples.heart_rate_bpm,
            profile=run.profile,
        )
    ]


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
