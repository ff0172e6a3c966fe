"""Reads the values of an old row under any of the column names and types that were in use.

An optional value that cannot be used is None and leaves a remark; a required one raises RowRefused.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

Naive = ZoneInfo
"""The time zone of timestamps that were stored without one."""

_COLUMNS = {
    "athlete": {
        "display_name": ("display_name", "name", "full_name", "username"),
        "first_name": ("first_name", "firstname"),
        "last_name": ("last_name", "lastname"),
        "birth_date": ("birthdate", "birth_date", "date_of_birth", "dob"),
        "sex": ("sex", "gender"),
        "city": ("city",),
        "country": ("country",),
        "units": ("preferred_units", "units", "measurement_preference", "measurement_system"),
        "created_at": ("created_at",),
        "strava_id": ("strava_athlete_id", "strava_id"),
        "access_token": ("strava_access_token", "access_token"),
        "refresh_token": ("strava_refresh_token", "refresh_token"),
        "token_expires_at": (
            "strava_token_expires_at",
            "strava_expires_at",
            "token_expires_at",
            "expires_at",
        ),
        "scopes": ("strava_scopes", "strava_scope", "scopes", "scope"),
        "last_synced_at": ("last_strava_sync", "last_synced_at", "last_sync_at", "last_sync"),
    },
    "activity": {
        "athlete_id": ("athlete_id", "user_id"),
        "name": ("name", "title"),
        "started_at": ("start_time", "start_date", "started_at"),
        "started_at_local": (
            "start_time_local",
            "start_date_local",
            "started_at_local",
            "local_start_time",
        ),
        "timezone": ("timezone", "time_zone", "tz"),
        "sport": ("sport_type", "sport", "activity_type", "type"),
        "provider": ("provider",),
        "source": ("source",),
        "external_id": ("external_activity_id", "strava_activity_id", "strava_id", "external_id"),
        "elapsed_s": ("elapsed_time_s", "elapsed_s", "elapsed_time", "duration_s", "duration"),
        "moving_s": ("moving_time_s", "moving_s", "moving_time", "duration_s", "duration"),
        "distance_m": ("distance_m", "distance_meters", "distance"),
        "elevation_gain_m": ("total_elevation_gain", "elevation_gain_m", "elevation_gain"),
        "average_heart_rate_bpm": ("avg_hr", "average_hr", "average_heartrate", "avg_heart_rate"),
        "max_heart_rate_bpm": ("max_hr", "max_heartrate", "max_heart_rate"),
        "average_cadence_rpm": ("avg_cadence", "average_cadence"),
        "visibility": ("visibility",),
        "flagged": ("flagged",),
        "manual": ("manual", "is_manual"),
        "created_at": ("created_at",),
    },
    "best_effort": {
        "activity_id": ("activity_id",),
        "athlete_id": ("athlete_id", "user_id"),
        "category": ("distance_category", "name", "category"),
        "distance_m": ("distance_meters", "distance_m", "distance"),
        "elapsed_s": ("elapsed_time_s", "elapsed_time", "time_seconds", "elapsed_s", "duration_s"),
        "start_offset_s": ("start_offset_s", "start_offset"),
        "started_at": ("start_date", "start_time", "started_at"),
    },
    "personal_best": {
        "athlete_id": ("athlete_id", "user_id"),
        "category": ("distance_category", "name", "category"),
        "distance_m": ("distance_meters", "distance_m", "distance"),
        "elapsed_s": ("time_seconds", "elapsed_time_s", "elapsed_time", "elapsed_s", "duration_s"),
    },
    "feedback": {
        "athlete_id": ("athlete_id", "user_id"),
        "message": ("message", "text", "body", "content", "comment", "comments", "feedback"),
        "contact": ("contact", "email", "reply_to"),
        "created_at": ("created_at", "submitted_at"),
    },
}
"""Column names that the older service has used, the likeliest first."""

_HUGE = 1e15
_TRUE = {True, "true", "t", "yes", "1"}


class RowRefused(Exception):
    """A row that is not adopted. `str()` is the reason."""


def columns_of(kind: str, there: Mapping[str, str]) -> dict[str, str]:
    """Find the column of each field that the table has."""
    found = {
        field: [name for name in names if name in there] for field, names in _COLUMNS[kind].items()
    }
    return {field: names[0] for field, names in found.items() if names}


class OldRow:
    """One row. `remarks` collects the values that could not be used."""

    def __init__(self, values: Mapping[str, Any], columns: Mapping[str, str], naive: Naive) -> None:
        self._values = values
        self._columns = columns
        self._naive = naive
        self.remarks: list[str] = []

    def raw(self, field: str) -> Any:
        column = self._columns.get(field)
        return None if column is None else self._values.get(column)

    def column(self, field: str) -> str:
        """Get the field's column name in the old table."""
        return self._columns.get(field, field)

    def remark(self, field: str, problem: str) -> None:
        self.remarks.append(f"{self.column(field)}: {problem}")

    def text(self, field: str) -> str | None:
        """Read a text; None if it is missing or blank."""
        value = self.raw(field)
        if value is None or isinstance(value, dict | list):
            return None
        return str(value) if str(value).strip() else None

    def flag(self, field: str) -> bool:
        value = self.raw(field)
        return (
            not isinstance(value, dict | list)
            and (value.lower() if isinstance(value, str) else value) in _TRUE
        )

    def number(self, field: str) -> float | None:
        """Read a finite number, also from text; None with a remark if it is not one."""
        value = self.raw(field)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or not abs(number) < _HUGE:
            self.remark(field, "is no number of a sensible size, so it is left out")
            return None
        return number

    def required_number(self, field: str, most: float) -> float:
        """Read a number from 0 to `most`; 0 if it is missing. Raises RowRefused."""
        value = self.raw(field)
        if value is None:
            return 0.0
        remarks = len(self.remarks)
        number = self.number(field)
        del self.remarks[remarks:]
        if number is None or not 0 <= number <= most:
            raise RowRefused(f"{self.column(field)} is not between 0 and {most:.0f}")
        return number

    def identifier(self, field: str) -> int | None:
        """Read a positive id of 64 bits; None with a remark if it is not one."""
        value = self.raw(field)
        digits = str(value).strip()
        if value is None or not digits:
            return None
        if (
            isinstance(value, bool)
            or not (digits.isascii() and digits.isdigit())
            or not 0 < int(digits[:20]) < 2**63
        ):
            self.remark(field, "is no id of Strava")
            return None
        return int(digits)

    def instant(self, field: str) -> datetime | None:
        """Read a time as UTC, also from seconds since 1970; None with a remark if it is not one."""
        value = self.raw(field)
        if value is None:
            return None
        moment = self._moment(value)
        if moment is None:
            self.remark(field, "is no time between 1900 and 2200, so it is left out")
        return moment

    def wall_clock(self, field: str) -> datetime | None:
        """Read a local time. A zone is ignored: Strava writes local times with a wrong `Z`."""
        value = self.raw(field)
        moment = None if value is None else _parsed(value)
        if value is not None and (moment is None or not _in_range(moment)):
            self.remark(field, "is no time between 1900 and 2200, so it is left out")
            return None
        return moment and moment.replace(tzinfo=None)

    def day(self, field: str) -> date | None:
        """Read a day from 1900 to 2200; None with a remark if it is not one."""
        value = self.raw(field)
        if value is None:
            return None
        moment = _parsed(value)
        if moment is None or not date(1900, 1, 1) <= moment.date() <= date(2200, 1, 1):
            self.remark(field, "is no day between 1900 and 2200, so it is left out")
            return None
        return moment.date()

    def _moment(self, value: Any) -> datetime | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC) if 0 <= value < 2**32 else None
        moment = _parsed(value)
        if moment is None or not _in_range(moment):
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._naive)).astimezone(UTC)


def _parsed(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None


def _in_range(moment: datetime) -> bool:
    return 1900 <= moment.year < 2200  # noqa: PLR2004 - the range of birth dates
