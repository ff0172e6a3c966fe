"""Reads single fields of Strava's JSON. Every function raises StravaBadData naming the field that is wrong."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from strava.errors import StravaBadData

# PostgreSQL's bigint: an id beyond it could not be stored.
_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object. `path` precedes its field names in errors; `strava_id` is the whole thing's id, if known."""

    values: Mapping[str, Any]
    path: str = ""
    strava_id: int | None = None

    def bad(self, name: str, problem: str) -> StravaBadData:
        return StravaBadData(self.path + name, problem, strava_id=self.strava_id)

    def require(self, name: str) -> Any:
        if (value := self.values.get(name)) is None:
            raise self.bad(name, "is missing")
        return value

    def number(self, name: str) -> float:
        """A finite number, not negative."""
        value = self.require(name)
        if not is_number(value) or value < 0:
            raise self.bad(name, "is not a number of 0 or more")
        return float(value)

    def optional_number(self, name: str) -> float | None:
        return None if self.values.get(name) is None else self.number(name)

    def whole_number(self, name: str) -> int:
        """A number of 0 or more, rounded to the nearest whole."""
        value = round(self.number(name))
        if value > _MAX_INTEGER:
            raise self.bad(name, "is too large")
        return value

    def identifier(self, name: str) -> int:
        """An id: a whole number above 0. A fraction or text is refused, for rounding would name another thing."""
        value = self.require(name)
        if type(value) is not int or not 0 < value <= _MAX_INTEGER:
            raise self.bad(name, "is not an id")
        return value

    def text(self, name: str) -> str | None:
        """Text that PostgreSQL can hold: NUL is left out, half a surrogate pair becomes "?"."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.bad(name, "is not text")
        return value.replace("\0", "").encode("utf-8", "replace").decode()

    def flag(self, name: str) -> bool:
        """True or False; absent is False."""
        value = self.values.get(name)
        if not isinstance(value, bool | None):
            raise self.bad(name, "is not true or false")
        return bool(value)

    def instant(self, name: str) -> datetime:
        """A point in time, aware UTC. Text without an offset is refused."""
        parsed = self._datetime(name, self.require(name))
        if parsed.tzinfo is None:
            raise self.bad(name, "is a time without a zone")
        try:
            return parsed.astimezone(UTC)
        except OverflowError:
            raise self.bad(name, "is out of range") from None

    def wall_clock(self, name: str) -> datetime | None:
        """What a clock on the wall showed, naive: the zone Strava appends to it is false and dropped."""
        value = self.values.get(name)
        return None if value is None else self._datetime(name, value).replace(tzinfo=None)

    def _datetime(self, name: str, value: object) -> datetime:
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                pass
        raise self.bad(name, "is not a date and time")


def fields_of(value: object, path: str = "", strava_id: int | None = None) -> Fields:
    """`value` as a JSON object; `path` ("best_efforts[2].") names it in errors."""
    if not isinstance(value, Mapping):
        raise StravaBadData(path.rstrip(".") or "body", "is not an object", strava_id=strava_id)
    return Fields(value, path, strava_id)


def is_number(value: object) -> bool:
    """Whether `value` is a finite JSON number; true and false are not."""
    return type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]
