"""Reads single fields of Strava's JSON.

Fields that must be there raise StravaBadData naming the one that is wrong. Optional ones are None
where they are absent or cannot be read: they never cost the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, TypeGuard

from strava.errors import StravaBadData

# PostgreSQL's bigint: an id beyond it could not be stored.
_MAX_INTEGER = 2**63 - 1
_LARGEST = 1e12
"""Beyond any distance in meters, time in seconds or rate, and small enough to be summed up."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
TOO_LARGE, OUT_OF_RANGE = "is too large", "is out of range"
"""Problems of values that are what Strava's documentation says, and beyond all measure."""


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object.

    `path` precedes its field names in errors; `strava_id` is the whole thing's id, if known.
    """

    values: Mapping[str, Any]
    path: str = ""
    strava_id: int | None = None

    def bad(self, name: str, problem: str) -> StravaBadData:
        return StravaBadData(self.path + name, problem, strava_id=self.strava_id)

    def require(self, name: str) -> Any:
        """Get a value of any kind. Raises StravaBadData where there is none."""
        if (value := self.values.get(name)) is None:
            raise self.bad(name, "is missing")
        return value

    def number(self, name: str) -> float:
        """A finite number, not negative. Raises StravaBadData."""
        value = self.require(name)
        if is_number(value) and value >= 0:
            return float(value)
        is_finite = type(value) is int or (type(value) is float and _LARGEST <= value < inf)
        if is_finite and value > 0:
            raise self.bad(name, TOO_LARGE)
        raise self.bad(name, "is not a number of 0 or more")

    def optional_number(self, name: str) -> float | None:
        """A finite number, not negative; None for anything else."""
        value = self.values.get(name)
        return float(value) if is_number(value) and value >= 0 else None

    def whole_number(self, name: str) -> int:
        """A number of 0 or more, rounded to the nearest whole."""
        return round(self.number(name))

    def identifier(self, name: str) -> int:
        """An id: a whole number above 0.

        Raises StravaBadData, also for a fraction or text: rounding would name another thing.
        """
        value = self.require(name)
        if type(value) is not int or not 0 < value <= _MAX_INTEGER:
            raise self.bad(name, "is not an id")
        return value

    def text(self, name: str) -> str | None:
        """Text that PostgreSQL can hold: NUL is left out, half a surrogate pair becomes "?".

        None: it is no text.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return None
        return value.replace("\0", "").encode("utf-8", "replace").decode()

    def flag(self, name: str) -> bool:
        """True only where it says so."""
        return self.values.get(name) is True

    def instant(self, name: str) -> datetime:
        """A point in time, aware UTC. Raises StravaBadData, also for text without an offset."""
        parsed = _datetime(self.require(name))
        if parsed is None:
            raise self.bad(name, "is not a date and time")
        if parsed.tzinfo is None:
            raise self.bad(name, "is a time without a zone")
        try:
            instant = parsed.astimezone(UTC)
        except OverflowError:
            instant = None
        if instant is None or not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
            raise self.bad(name, OUT_OF_RANGE)
        return instant

    def wall_clock(self, name: str) -> datetime | None:
        """Get local time, naive: the zone that Strava appends is wrong and dropped.

        None: it is no time.
        """
        parsed = _datetime(self.values.get(name))
        return None if parsed is None else parsed.replace(tzinfo=None)


def _datetime(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def fields_of(value: object, path: str = "", strava_id: int | None = None) -> Fields:
    """`value` as a JSON object; `path` ("best_efforts[2].") names it in errors.

    Raises StravaBadData for anything else.
    """
    if not isinstance(value, Mapping):
        raise StravaBadData(path.rstrip(".") or "body", "is not an object", strava_id=strava_id)
    return Fields(value, path, strava_id)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a JSON number of a size that can be used; true and false are none."""
    return type(value) in {int, float} and -_LARGEST < value < _LARGEST  # type: ignore[operator]
