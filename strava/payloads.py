"""Strava's JSON as frozen plain values, with units in their names.

One function per thing, each for one item, so that a bad item can be reported without losing its
page. All raise StravaBadData naming the field that cannot be read, but only for what cannot be done
without. Each other part stands for itself: one that is absent or cannot be read is None or left
out, and fields unknown here are ignored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from athletics.track import LARGEST
from strava.activity_details import StravaDetails, device_name, parse_details
from strava.errors import StravaBadData
from strava.fields import Fields, fields_of, is_number
from strava.gear import shoes_id
from strava.time_zone import time_zone

Visibility = Literal["EVERYONE", "FOLLOWERS_ONLY", "ONLY_ME"]

_VISIBILITIES: dict[object, Visibility] = {
    "everyone": "EVERYONE",
    "followers_only": "FOLLOWERS_ONLY",
    "only_me": "ONLY_ME",
}
_FURTHEST_LOCAL = timedelta(hours=48)
"""Local time is at most this far from UTC: 14 hours, and a day if the time of day is hidden."""
_FURTHEST_START_S = 31 * 86_400  # of a best effort, from the activity's
_FASTEST_HEART_BPM = 1_000
_RACES = (1, 11)
"""Strava's `workout_type` of a race: of runs and of rides."""
_OTHER_COLUMNS = (
    ("cadence", "cadence_rpm", 0, 300),
    ("altitude", "altitude_m", -1_000, 12_000),
    ("watts", "power_w", 0, 5_000),
    ("temp", "temperature_c", -80, 80),
    ("velocity_smooth", "speed_m_per_s", 0, 150),
)
"""Strava's keys of optional streams, our names, and the range of what sensors can tell."""
STREAM_KEYS = ("time", "distance", "heartrate", "latlng", *(each[0] for each in _OTHER_COLUMNS))
"""The streams that are asked for."""
_LEAST_SAMPLES = 2
_MOST_MISSING_AT_END = 0.02
"""Share of samples: within the difference at which a distance counts as corrected."""


@dataclass(frozen=True, slots=True)
class StravaAthlete:
    """The athlete as far as Strava tells: no birth date. `sex` is "M", "F" or None."""

    strava_id: int
    first_name: str
    last_name: str
    sex: Literal["M", "F"] | None
    city: str | None
    country: str | None
    profile_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StravaActivity:
    """An activity's summary.

    `started_at` is an aware UTC instant. `started_at_local` is naive, what the clock on the wall
    showed: never an instant. `timezone` is a zone that IANA and JavaScript know, `timezone_text` what
    Strava wrote, None where it tells nothing. `average_cadence` is in rotations of one leg a minute, as
    Strava has it. `sport_type` is kept when unknown. `is_race`: the athlete marked it as a race.
    `shoes_id`: Strava's id of the shoes.
    """

    strava_id: int
    athlete_strava_id: int | None
    name: str
    sport_type: str
    started_at: datetime
    started_at_local: datetime
    timezone: str
    timezone_text: str | None
    distance_m: float
    moving_time_s: int
    elapsed_time_s: int
    elevation_gain_m: float | None
    average_speed_m_s: float | None
    average_heart_rate_bpm: float | None
    max_heart_rate_bpm: float | None
    average_cadence: float | None
    visibility: Visibility
    flagged: bool
    manual: bool
    trainer: bool
    commute: bool
    is_race: bool
    shoes_id: str | None
    external_id: str | None
    device_name: str | None


@dataclass(frozen=True, slots=True)
class StravaBestEffort:
    """Strava's own fastest `distance_m` inside a run; elapsed time.

    The offset counts from the activity's start.
    """

    name: str
    distance_m: float
    elapsed_time_s: int
    start_offset_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StravaActivityDetail(StravaActivity):
    """An activity with what summaries lack.

    Strava's own best efforts are in its order; empty where it has none.
    """

    best_efforts: tuple[StravaBestEffort, ...]
    details: StravaDetails


@dataclass(frozen=True, slots=True)
class StravaStreams:
    """Samples of one recording, all sequences of one length.

    Seconds and meters count from the start.

    As recorded: time may stand still, distance may jump. `heart_rate_bpm` is None where it was not
    recorded throughout. `other_columns` are by the names of `db.stream_codec.Samples`; single values
    may be None in them, and a column that was not recorded is not among them.
    """

    time_s: tuple[int, ...]
    distance_m: tuple[float, ...]
    heart_rate_bpm: tuple[int, ...] | None
    other_columns: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)


def parse_athlete(payload: object) -> StravaAthlete:
    """Read a summary or detailed athlete."""
    fields = fields_of(payload)
    sex = fields.text("sex")
    return StravaAthlete(
        strava_id=fields.identifier("id"),
        first_name=fields.text("firstname") or "",
        last_name=fields.text("lastname") or "",
        sex="M" if sex == "M" else "F" if sex == "F" else None,
        city=fields.text("city"),
        country=fields.text("country"),
        profile_url=fields.text("profile"),
    )


def parse_activity(payload: object) -> StravaActivity:
    """Read a summary activity; insists on id, start_date, distance and the two times."""
    return StravaActivity(**_activity_values(_activity_fields(payload)))


def parse_activity_detail(payload: object) -> StravaActivityDetail:
    """Read a detailed activity."""
    fields = _activity_fields(payload)
    values = _activity_values(fields)
    return StravaActivityDetail(
        **values,
        best_efforts=tuple(_best_efforts(fields, values["started_at"])),
        details=parse_details(payload, values["started_at"]),
    )


def parse_best_efforts(payload: object, started_at: datetime) -> tuple[StravaBestEffort, ...]:
    """Read only Strava's own best efforts from a detailed activity that began at `started_at`."""
    return tuple(_best_efforts(fields_of(payload), started_at))


def parse_streams(payload: object) -> StravaStreams | None:
    """Read a `key_by_type=true` stream set.

    A sample without a usable time or distance is left out. None without time or distance: nothing
    can be computed from the rest.
    """
    fields = fields_of(payload)
    if not fields.values.get("time") or not fields.values.get("distance"):
        return None
    time, distance = _samples(fields, "time"), _samples(fields, "distance")
    if len(distance) != len(time):
        raise StravaBadData(
            "distance.data", f"has {len(distance)} samples where time has {len(time)}"
        )
    kept = _usable(time, distance)
    return StravaStreams(
        time_s=tuple(round(time[index]) for index in kept),
        distance_m=tuple(float(distance[index]) for index in kept),
        heart_rate_bpm=_heart_rate(fields.values.get("heartrate"), len(time), kept),
        other_columns=_other_columns(fields.values, len(time), kept),
    )


def _activity_fields(payload: object) -> Fields:
    strava_id = fields_of(payload).identifier("id")
    return fields_of(payload, strava_id=strava_id)


def _activity_values(fields: Fields) -> dict[str, Any]:
    return {
        "strava_id": fields.identifier("id"),
        "athlete_strava_id": _athlete_id(fields.values.get("athlete")),
        "name": fields.text("name") or "",
        "sport_type": fields.text("sport_type") or fields.text("type") or "Workout",
        **_time_values(fields),
        **_measured_values(fields),
        "visibility": _visibility(fields.values),
        **{name: fields.flag(name) for name in ("flagged", "manual", "trainer", "commute")},
        "shoes_id": shoes_id(fields.values.get("gear_id")),
        "is_race": _is_race(fields.values.get("workout_type")),
        "external_id": fields.text("external_id"),
        "device_name": device_name(fields),
    }


def _athlete_id(athlete: object) -> int | None:
    try:
        return fields_of(athlete).identifier("id")
    except StravaBadData:
        return None


def _time_values(fields: Fields) -> dict[str, Any]:
    started_at = fields.instant("start_date")
    offset = _offset(fields, started_at)
    text = fields.text("timezone")
    return {
        "started_at": started_at,
        "started_at_local": (started_at + (offset or timedelta())).replace(tzinfo=None),
        "timezone": time_zone(text, offset),
        "timezone_text": text,
        "moving_time_s": fields.whole_number("moving_time"),
        "elapsed_time_s": fields.whole_number("elapsed_time"),
    }


def _offset(fields: Fields, started_at: datetime) -> timedelta | None:
    """How far the clock on the wall was ahead of UTC; None where Strava does not tell."""
    local = fields.wall_clock("start_date_local")
    if local is not None:
        offset = local - started_at.replace(tzinfo=None)
        if abs(offset) <= _FURTHEST_LOCAL:
            return offset
    offset_s = fields.values.get("utc_offset")
    if is_number(offset_s) and abs(offset_s) <= _FURTHEST_LOCAL.total_seconds():
        return timedelta(seconds=offset_s)
    return None


def _measured_values(fields: Fields) -> dict[str, Any]:
    return {
        "distance_m": fields.number("distance"),
        "elevation_gain_m": fields.optional_number("total_elevation_gain"),
        "average_speed_m_s": fields.optional_number("average_speed"),
        "average_heart_rate_bpm": fields.optional_number("average_heartrate"),
        "max_heart_rate_bpm": fields.optional_number("max_heartrate"),
        "average_cadence": fields.optional_number("average_cadence"),
    }


def _is_race(workout_type: object) -> bool:
    return type(workout_type) is int and workout_type in _RACES


def _visibility(values: Mapping[str, Any]) -> Visibility:
    """The visibility. Unknown and private activities are visible to the athlete only."""
    private = values.get("private")
    if private is not None and private is not False:
        return "ONLY_ME"
    if (stated := values.get("visibility")) is not None:
        return _VISIBILITIES.get(stated, "ONLY_ME") if isinstance(stated, str) else "ONLY_ME"
    return "EVERYONE" if private is False else "ONLY_ME"


def _best_efforts(fields: Fields, started_at: datetime) -> Iterator[StravaBestEffort]:
    """Those that can be read."""
    efforts = fields.values.get("best_efforts")
    for effort in efforts if isinstance(efforts, list) else []:
        try:
            yield _best_effort(fields_of(effort), started_at)
        except StravaBadData:
            continue


def _best_effort(fields: Fields, started_at: datetime) -> StravaBestEffort:
    offset_s = round((fields.instant("start_date") - started_at).total_seconds())
    if abs(offset_s) > _FURTHEST_START_S:
        raise fields.bad("start_date", "is not in the activity")
    return StravaBestEffort(
        name=fields.text("name") or "",
        distance_m=fields.number("distance"),
        elapsed_time_s=fields.whole_number("elapsed_time"),
        start_offset_s=offset_s,
    )


def _samples(fields: Fields, key: str) -> list[Any]:
    samples = fields_of(fields.values[key], f"{key}.").require("data")
    if not isinstance(samples, list):
        raise StravaBadData(f"{key}.data", "is not a list")
    return samples


def _usable(time: list[Any], distance: list[Any]) -> Sequence[int]:
    """Places of the samples with a time and a distance.

    Raises StravaBadData where the samples do not reach the end of the activity, so that their
    distance cannot be compared with the activity's, and where no two are left.
    """
    kept = [
        index
        for index, pair in enumerate(zip(time, distance, strict=True))
        if all(map(_is_sample, pair))
    ]
    missing_at_end = len(time) - 1 - (kept[-1] if kept else -1)
    if len(kept) == len(time) or (
        len(kept) >= _LEAST_SAMPLES and missing_at_end <= _MOST_MISSING_AT_END * len(time)
    ):
        return kept
    key = "distance" if all(map(_is_sample, time)) else "time"
    raise StravaBadData(f"{key}.data", "holds something that is not a number")


def _other_columns(
    streams: Mapping[str, Any], samples: int, kept: Sequence[int]
) -> dict[str, tuple[float | None, ...]]:
    """The optional columns; what cannot be read costs only itself."""
    found = {}
    for key, name, least, most in _OTHER_COLUMNS:
        data = _data(streams.get(key), samples)
        column = tuple(_within(data[index], least, most) for index in kept) if data else ()
        if any(value is not None for value in column):
            found[name] = column
    places = _data(streams.get("latlng"), samples)
    if places:
        pairs = [_place(places[index]) for index in kept]
        if any(pair[0] is not None for pair in pairs):
            found["latitude"], found["longitude"] = map(tuple, zip(*pairs, strict=True))
    return found


def _data(stream: object, samples: int) -> list[Any] | None:
    data = stream.get("data") if isinstance(stream, Mapping) else None
    return data if isinstance(data, list) and len(data) == samples else None


def _within(value: object, least: float, most: float) -> float | None:
    return float(value) if is_number(value) and least <= value <= most else None


def _place(value: object) -> tuple[float | None, float | None]:
    """Latitude and longitude; 0, 0 is what devices write without a signal."""
    if not isinstance(value, list) or len(value) != len(("latitude", "longitude")):
        return None, None
    latitude, longitude = _within(value[0], -90, 90), _within(value[1], -180, 180)
    is_place = None not in {latitude, longitude} and (latitude, longitude) != (0, 0)
    return (latitude, longitude) if is_place else (None, None)


def _is_sample(value: object) -> bool:
    return is_number(value) and -LARGEST < value < LARGEST


def _heart_rate(stream: object, samples: int, kept: Sequence[int]) -> tuple[int, ...] | None:
    """The heart rate at the samples `kept`; None where it was not recorded throughout."""
    data = stream.get("data") if isinstance(stream, Mapping) else None
    if not isinstance(data, list) or len(data) != samples:
        return None
    rates = [data[index] for index in kept]
    if not all(is_number(value) and 0 <= value <= _FASTEST_HEART_BPM for value in rates):
        return None
    return tuple(round(value) for value in rates)
