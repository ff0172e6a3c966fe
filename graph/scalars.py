"""Scalars of instants, local times and days, and the format of numbers."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graph.errors import InvalidArgument
from graph.input_checks import in_utc

LocalDateTime = NewType("LocalDateTime", datetime)
"""A naive datetime: the athlete's local time."""

_FIRST_YEAR = 1900
_INSTANT = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(?P<decimals>\d{1,9}))?"
    r"(?P<offset>[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)  # `fromisoformat` reads weeks too
_EXACT = 1e15


def format_instant(value: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC, without trailing zeros."""
    return format_local(value.astimezone(UTC).replace(tzinfo=None)) + "Z"


def format_local(value: datetime) -> str:
    """Format a naive datetime, without trailing zeros."""
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def format_float(value: float) -> float:
    """Turn a whole number into an int, so that JSON has no decimals for it."""
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
    """Read an RFC 3339 instant of up to nine decimals. Raises InvalidArgument, also without offset.

    Instants here have six decimals. One between two of them is read as the later: it is at or after
    the same instants, and before the same.
    """
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    try:
        instant = in_utc(_read(match)) if match else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.year < _FIRST_YEAR:
        raise InvalidArgument(
            f"{value!r} is not a DateTime. Write an instant with its offset, such as "
            "2026-05-17T09:30:00Z."
        )
    return instant


def _read(match: re.Match[str]) -> datetime:
    seconds, decimals, offset = match["seconds"], match["decimals"] or "", match["offset"]
    exact = datetime.fromisoformat(f"{seconds}.{decimals[:6]:0<6}{offset}".upper())
    return exact + timedelta(microseconds=any(digit != "0" for digit in decimals[6:]))


def parse_date(value: object) -> date:
    """Read a date. Raises InvalidArgument."""
    try:
        match = _DAY.fullmatch(value) if isinstance(value, str) else None
        day = date.fromisoformat(match[0]) if match else None
    except ValueError:
        day = None
    if day is None or day.year < _FIRST_YEAR:
        raise InvalidArgument(f"{value!r} is not a Date. Write a day such as 2026-05-17.")
    return day


def _refuse(_: object) -> datetime:
    raise InvalidArgument("A LocalDateTime cannot be used as input.")


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
        "An instant (RFC 3339), such as 2026-05-17T09:30:00Z. Returned in UTC; an "
        "input may have any offset.",
        format_instant,
        parse_instant,
        "https://scalars.graphql.org/chillicream/date-time.html",
    ),
    LocalDateTime: _scalar(
        "LocalDateTime",
        "A time on the athlete's local clock, without offset, such as 2026-05-17T11:30:00.",
        format_local,
        _refuse,
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
