"""Scalars of instants, local times and days, and the format of numbers."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from db.statements.json_sql import LARGEST_ROUNDED
from graph.errors import InvalidScalar
from graph.input_checks import in_utc

LocalDateTime = NewType("LocalDateTime", datetime)
"""A naive datetime: the athlete's local time."""

_FIRST_YEAR = 1900
_CLOCK = r"(?P<seconds>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(?P<decimals>\d{1,9}))?"
_OFFSET = r"(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_INSTANT = re.compile(_CLOCK + _OFFSET, re.ASCII)
_LOCAL = re.compile(_CLOCK, re.ASCII)
_MOST_DECIMALS = 6
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)  # `fromisoformat` reads weeks too
_EXACT = 1e15
_LENGTH_OR_TIME = re.compile("seconds|meters", re.IGNORECASE)


def format_instant(value: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC, without trailing zeros."""
    return format_local(value.astimezone(UTC).replace(tzinfo=None)) + "Z"


def format_local(value: datetime) -> str:
    """Format a naive datetime, without trailing zeros."""
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def decimals_of(field_name: str) -> int:
    """Get how many decimals a field of numbers has, by the name of the field in either style.

    Seconds and meters have three: milliseconds and millimeters. The others have six.
    """
    return 3 if _LENGTH_OR_TIME.search(field_name) else 6


def rounded(value: float, decimals: int) -> float:
    """Round a number, and with it drop the noise of floating-point arithmetic.

    `db/statements/json_sql.py` computes the same in SQL, to the bit.
    """
    scale = 10**decimals
    return round(value * scale) / scale if abs(value) < LARGEST_ROUNDED else value


def with_rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Round the floats among values by the names of their fields."""
    return {
        name: rounded(value, decimals_of(name)) if isinstance(value, float) else value
        for name, value in values.items()
    }


def format_float(value: float) -> float:
    """Turn a whole number into an int, so that JSON shows no decimals."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def format_floats(answer: Any) -> Any:
    """Apply `format_float` to all numbers of an answer.

    graphql-core's Float cannot do it; plans do it in SQL.
    """
    if isinstance(answer, float):
        return format_float(answer)
    if isinstance(answer, dict):
        return {name: format_floats(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [format_floats(value) for value in answer]
    return answer


def parse_instant(value: object) -> datetime:
    """Read an RFC 3339 instant. Raises InvalidScalar, also without offset.

    Instants here have six decimals. One with more is refused, not rounded, as the specification
    asks.
    """
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    try:
        instant = in_utc(_read(match, match["offset"])) if match else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.year < _FIRST_YEAR:
        raise InvalidScalar(
            f"{_shown(value)} is not a DateTime. Write an instant from 1900 on with its "
            "offset and at most "
            "six decimals, such as 2026-05-17T09:30:00Z."
        )
    return instant


def parse_local(value: object) -> datetime:
    """Read a local time without offset. Raises InvalidScalar, also for more than six decimals."""
    match = _LOCAL.fullmatch(value) if isinstance(value, str) else None
    try:
        local = _read(match, "") if match else None
    except ValueError:
        local = None
    if local is None or local.year < _FIRST_YEAR:
        raise InvalidScalar(
            f"{_shown(value)} is not a LocalDateTime. Write a local time from 1900 on "
            "without offset and "
            "with at most six decimals, such as 2026-05-17T11:30:00."
        )
    return local


def _read(match: re.Match[str], offset: str) -> datetime:
    """Read a matched time. Raises ValueError where it is none, or finer than microseconds."""
    decimals = match["decimals"] or ""
    if decimals[_MOST_DECIMALS:].strip("0"):
        raise ValueError
    padded = f"{decimals[:_MOST_DECIMALS]:0<{_MOST_DECIMALS}}"
    return datetime.fromisoformat(f"{match['seconds']}.{padded}{offset}".upper())


def parse_date(value: object) -> date:
    """Read a date. Raises InvalidScalar."""
    try:
        match = _DAY.fullmatch(value) if isinstance(value, str) else None
        day = date.fromisoformat(match[0]) if match else None
    except ValueError:
        day = None
    if day is None or day.year < _FIRST_YEAR:
        raise InvalidScalar(
            f"{_shown(value)} is not a Date. Write a day from 1900 on, such as 2026-05-17."
        )
    return day


def _shown(value: object) -> str:
    """Write a value as clients do."""
    return json.dumps(value, ensure_ascii=False, default=repr)


def _scalar(
    name: str,
    description: str,
    serialize: Callable[[Any], str],
    parse: Callable[[Any], object],
    url: str | None = None,
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name,
        description=description,
        serialize=serialize,
        parse_value=parse,
        specified_by_url=url,
    )


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An instant (RFC 3339), such as 2026-05-17T09:30:00Z. Returned in UTC; an input may have "
        "any offset, and at most six decimals.",
        format_instant,
        parse_instant,
        "https://scalars.graphql.org/chillicream/date-time.html",
    ),
    LocalDateTime: _scalar(
        "LocalDateTime",
        "A time on the athlete's local clock, without offset, such as 2026-05-17T11:30:00.",
        format_local,
        parse_local,
        "https://scalars.graphql.org/chillicream/local-date-time.html",
    ),
    date: _scalar(
        "Date",
        "A calendar day, such as 2026-05-17.",
        date.isoformat,
        parse_date,
        "https://scalars.graphql.org/chillicream/local-date.html",
    ),
}
