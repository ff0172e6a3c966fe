"""What only Strava's detailed activity tells: description, device, calories, laps, gear.

Each part stands for itself: one that is absent or cannot be read is None or left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from strava.errors import StravaBadData
from strava.fields import Fields, fields_of
from strava.gear import StravaGear, parse_gear

_LONGEST_TEXT = 10_000
_LONGEST_NAME = 200
_MOST_LAPS = 10_000
_FURTHEST_START_S = 31 * 86_400  # of a lap, from the activity's
_FASTEST_HEART_BPM = 1_000


@dataclass(frozen=True, slots=True)
class StravaLap:
    """A lap; `start_offset_s` counts from the activity's start. Times are in seconds."""

    start_offset_s: float
    elapsed_time_s: float
    moving_time_s: float | None
    distance_m: float | None
    average_heart_rate_bpm: float | None


@dataclass(frozen=True, slots=True)
class StravaDetails:
    """The details of one activity; `laps` are in order of their start."""

    description: str | None = None
    device_name: str | None = None
    calories_kcal: float | None = None
    laps: tuple[StravaLap, ...] = ()
    gear: StravaGear | None = None


def parse_details(payload: object, started_at: datetime) -> StravaDetails:
    """Read the details of a detailed activity that began at `started_at` (aware)."""
    fields = fields_of(payload)
    laps = sorted(_laps(fields, started_at), key=lambda lap: lap.start_offset_s)
    # Strava writes 0 where it computed none.
    return StravaDetails(
        description=_told(fields.text("description"), _LONGEST_TEXT),
        device_name=device_name(fields),
        calories_kcal=fields.optional_number("calories") or None,
        laps=tuple(laps),
        gear=_gear(fields.values.get("gear")),
    )


def device_name(fields: Fields) -> str | None:
    """Read the name of the device, or None; summaries have it too."""
    return _told(fields.text("device_name"), _LONGEST_NAME)


def _gear(payload: object) -> StravaGear | None:
    try:
        return parse_gear(payload)
    except StravaBadData:
        return None


def _told(text: str | None, longest: int) -> str | None:
    return (text or "").strip()[:longest] or None


def _laps(fields: Fields, started_at: datetime) -> Iterator[StravaLap]:
    laps = fields.values.get("laps")
    for lap in laps[:_MOST_LAPS] if isinstance(laps, list) else []:
        try:
            yield _lap(fields_of(lap), started_at)
        except StravaBadData:
            continue


def _lap(fields: Fields, started_at: datetime) -> StravaLap:
    start_s = (fields.instant("start_date") - started_at).total_seconds()
    if abs(start_s) > _FURTHEST_START_S:
        raise fields.bad("start_date", "is not in the activity")
    rate = fields.optional_number("average_heartrate")
    return StravaLap(
        start_offset_s=max(0.0, start_s),
        elapsed_time_s=fields.number("elapsed_time"),
        moving_time_s=fields.optional_number("moving_time"),
        distance_m=fields.optional_number("distance"),
        average_heart_rate_bpm=rate if rate and rate <= _FASTEST_HEART_BPM else None,
    )
