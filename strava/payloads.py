"""Strava's JSON as frozen plain values, with units in their names. One function per thing, each for one item, so that
a bad item can be reported without losing its page. All raise StravaBadData naming the field that cannot be read;
missing optional fields, nulls and fields unknown here are no error.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from strava.errors import StravaBadData
from strava.fields import Fields, fields_of, is_number

Visibility = Literal["EVERYONE", "FOLLOWERS_ONLY", "ONLY_ME"]

_VISIBILITIES: dict[object, Visibility] = {
    "everyone": "EVERYONE",
    "followers_only": "FOLLOWERS_ONLY",
    "only_me": "ONLY_ME",
}
_DAY_S = 86_400
_TIMEZONE = re.compile(r"\(GMT[+-]\d{1,2}:\d{2}\)\s+(?P<name>[A-Za-z][\w+\-]*(?:/[\w+\-]+)*)\s*")


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

    `started_at` is an aware UTC instant. `started_at_local` is naive, what the clock on the wall showed: never an
    instant. `timezone` is an IANA name, or Strava's text where that holds none, None where Strava tells nothing.
    `average_cadence` is in rotations of one leg a minute, as Strava has it. `sport_type` is kept when unknown.
    """

    strava_id: int
    athlete_strava_id: int | None
    name: str
    sport_type: str
    started_at: datetime
    started_at_local: datetime
    timezone: str | None
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
    external_id: str | None
    device_name: str | None


@dataclass(frozen=True, slots=True)
class StravaBestEffort:
    """Strava's own fastest `distance_m` inside a run; elapsed time. The offset counts from the activity's start."""

    name: str
    distance_m: float
    elapsed_time_s: int
    start_offset_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StravaActivityDetail(StravaActivity):
    """An activity with Strava's own best efforts, in Strava's order; empty where it has none."""

    best_efforts: tuple[StravaBestEffort, ...]


@dataclass(frozen=True, slots=True)
class StravaStreams:
    """Samples of one recording, all sequences of one length. Seconds and metres count from the start.

    As recorded: time may stand still, distance may jump. `heart_rate_bpm` is None where it was not recorded throughout.
    """

    time_s: tuple[int, ...]
    distance_m: tuple[float, ...]
    heart_rate_bpm: tuple[int, ...] | None


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
    return StravaActivityDetail(**values, best_efforts=tuple(_best_efforts(fields, values["started_at"])))


def parse_streams(payload: object) -> StravaStreams | None:
    """Read a `key_by_type=true` stream set. None without time or distance: nothing can be computed from the rest."""
    fields = fields_of(payload)
    streams = {key: _samples(fields, key) for key in ("time", "distance", "heartrate") if fields.values.get(key)}
    if "time" not in streams or "distance" not in streams:
        return None
    _check_lengths(streams)
    heart_rate = streams.get("heartrate")
    return StravaStreams(
        time_s=tuple(round(_sample("time", value)) for value in streams["time"]),
        distance_m=tuple(_sample("distance", value) for value in streams["distance"]),
        heart_rate_bpm=_heart_rate(heart_rate) if heart_rate is not None else None,
    )


def _activity_fields(payload: object) -> Fields:
    strava_id = fields_of(payload).identifier("id")
    return fields_of(payload, strava_id=strava_id)


def _activity_values(fields: Fields) -> dict[str, Any]:
    athlete = fields.values.get("athlete")
    return {
        "strava_id": fields.identifier("id"),
        "athlete_strava_id": None if athlete is None else fields_of(athlete, "athlete.").identifier("id"),
        "name": fields.text("name") or "",
        "sport_type": fields.text("sport_type") or fields.text("type") or "Workout",
        **_time_values(fields),
        **_measured_values(fields),
        "visibility": _visibility(fields.values),
        **{name: fields.flag(name) for name in ("flagged", "manual", "trainer", "commute")},
        "external_id": fields.text("external_id"),
        "device_name": fields.text("device_name"),
    }


def _time_values(fields: Fields) -> dict[str, Any]:
    started_at = fields.instant("start_date")
    return {
        "started_at": started_at,
        "started_at_local": fields.wall_clock("start_date_local") or _wall_clock(started_at, fields),
        "timezone": parse_timezone(fields.text("timezone")),
        "moving_time_s": fields.whole_number("moving_time"),
        "elapsed_time_s": fields.whole_number("elapsed_time"),
    }


def _wall_clock(started_at: datetime, fields: Fields) -> datetime:
    """Wall clock from the offset Strava tells, UTC's where it tells none."""
    offset_s = fields.values.get("utc_offset")
    known = is_number(offset_s) and abs(offset_s) < _DAY_S  # type: ignore[arg-type]
    offset = timedelta(seconds=offset_s) if known else timedelta()  # type: ignore[arg-type]
    return (started_at + offset).replace(tzinfo=None)


def _measured_values(fields: Fields) -> dict[str, Any]:
    return {
        "distance_m": fields.number("distance"),
        "elevation_gain_m": fields.optional_number("total_elevation_gain"),
        "average_speed_m_s": fields.optional_number("average_speed"),
        "average_heart_rate_bpm": fields.optional_number("average_heartrate"),
        "max_heart_rate_bpm": fields.optional_number("max_heartrate"),
        "average_cadence": fields.optional_number("average_cadence"),
    }


def parse_timezone(text: str | None) -> str | None:
    """IANA name out of "(GMT-03:00) America/Recife"; text of another form is kept whole."""
    match = _TIMEZONE.fullmatch(text) if text else None
    return match["name"] if match else text


def _visibility(values: Mapping[str, Any]) -> Visibility:
    """Who may see it; fails closed: what is unknown, or said to be private, is for the athlete alone."""
    private = values.get("private")
    if private is not None and private is not False:
        return "ONLY_ME"
    if (stated := values.get("visibility")) is not None:
        return _VISIBILITIES.get(stated, "ONLY_ME") if isinstance(stated, str) else "ONLY_ME"
    return "EVERYONE" if private is False else "ONLY_ME"


def _best_efforts(fields: Fields, started_at: datetime) -> Iterator[StravaBestEffort]:
    efforts = fields.values.get("best_efforts") or []
    if not isinstance(efforts, list):
        raise fields.bad("best_efforts", "is not a list")
    for index, effort in enumerate(efforts):
        own = fields_of(effort, f"best_efforts[{index}].", fields.strava_id)
        yield StravaBestEffort(
            name=own.text("name") or "",
            distance_m=own.number("distance"),
            elapsed_time_s=own.whole_number("elapsed_time"),
            start_offset_s=round((own.instant("start_date") - started_at).total_seconds()),
        )


def _samples(fields: Fields, key: str) -> list[Any]:
    samples = fields_of(fields.values[key], f"{key}.").require("data")
    if not isinstance(samples, list):
        raise StravaBadData(f"{key}.data", "is not a list")
    return samples


def _check_lengths(streams: Mapping[str, list[Any]]) -> None:
    expected = len(streams["time"])
    for key, samples in streams.items():
        if len(samples) != expected:
            raise StravaBadData(f"{key}.data", f"has {len(samples)} samples where time has {expected}")


def _sample(key: str, value: Any) -> float:
    if not is_number(value):
        raise StravaBadData(f"{key}.data", "holds something that is not a number")
    return float(value)


def _heart_rate(samples: list[Any]) -> tuple[int, ...] | None:
    if None in samples:
        return None
    return tuple(round(_sample("heartrate", value)) for value in samples)
