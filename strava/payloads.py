"""Strava's JSON as frozen plain values, with units in their names.

One function per thing, each for one item, so that a bad item can be reported without losing its
page. All raise StravaBadData naming the field that cannot be read, but only for what cannot be done
without. Each other part stands for itself: one that is absent or cannot be read is None or left
out, and fields unknown here are ignored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal

from strava.activity_details import StravaDetails, device_name, parse_details
from strava.errors import StravaBadData
from strava.fields import Fields, fields_of, is_number
from strava.gear import shoes_id
from strava.time_zone import is_offset, offset_at, time_zone

Visibility = Literal["EVERYONE", "FOLLOWERS_ONLY", "ONLY_ME"]

_VISIBILITIES: dict[object, Visibility] = {
    "everyone": "EVERYONE",
    "followers_only": "FOLLOWERS_ONLY",
    "only_me": "ONLY_ME",
}
_FURTHEST_HIDDEN = timedelta(hours=48)
"""Local time is at most this far from UTC where the time of day is hidden: 14 hours, and a day."""
_HIDDEN_START = time(0, 0, 1)
_FURTHEST_START_S = 31 * 86_400  # of a best effort, from the activity's
_RACES = (1, 11)
"""Strava's `workout_type` of a race: of runs and of rides."""


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

    @property
    def start_is_hidden(self) -> bool:
        """Whether only the day of the start is known: Strava shows a hidden one as 00:00:01."""
        return self.started_at_local.time() == _HIDDEN_START


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


def activity_or_error(payload: object) -> StravaActivity | StravaBadData:
    """Read an activity of a list; what is wrong with it in its place."""
    try:
        return parse_activity(payload)
    except StravaBadData as error:
        return error


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
    text = fields.text("timezone")
    local, offset = _local_start(fields, started_at, text)
    return {
        "started_at": started_at,
        "started_at_local": local,
        "timezone": time_zone(text, offset),
        "timezone_text": text,
        "moving_time_s": fields.whole_number("moving_time"),
        "elapsed_time_s": fields.whole_number("elapsed_time"),
    }


def _local_start(
    fields: Fields, started_at: datetime, zone_text: str | None
) -> tuple[datetime, timedelta | None]:
    """What the clock on the wall showed, and how far it was ahead of UTC.

    Where Strava tells neither in a way that can be, the named zone does, and the offset is None.
    """
    utc, offset = started_at.replace(tzinfo=None), _utc_offset(fields)
    local = fields.wall_clock("start_date_local")
    if local is not None:
        if local.time() == _HIDDEN_START and abs(local - utc) <= _FURTHEST_HIDDEN:
            return local, offset
        if is_offset(local - utc):
            return local, local - utc
    if offset is not None:
        return utc + offset, offset
    return utc + (offset_at(started_at, zone_text) or timedelta()), None


def _utc_offset(fields: Fields) -> timedelta | None:
    offset_s = fields.values.get("utc_offset")
    offset = timedelta(seconds=offset_s) if is_number(offset_s) else None
    return offset if offset is not None and is_offset(offset) else None


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
