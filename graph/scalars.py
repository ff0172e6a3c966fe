"""How instants, local wall-clock times and dates are written."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graph.arguments import in_utc
from graph.errors import InvalidArgument

LocalDateTime = NewType("LocalDateTime", datetime)
"""A naive datetime: the wall clock at the athlete's place."""

_FIRST_YEAR = 1900
_EXACT = 1e15


def format_instant(value: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC, with no more decimals than it has."""
    return format_local(value.astimezone(UTC).replace(tzinfo=None)) + "Z"


def format_local(value: datetime) -> str:
    """Write a naive datetime, with no more decimals than it has."""
    text = value.isoformat()
    return text.rstrip("0") if value.microsecond else text


def format_float(value: float) -> float:
    """Write a number: a whole one without decimals."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def format_floats(answer: Any) -> Any:
    """Write all numbers of an answer so: graphql-core's own Float cannot be made to, and plans do it in SQL."""
    if isinstance(answer, float):
        return format_float(answer)
    if isinstance(answer, dict):
        return {name: format_floats(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [format_floats(value) for value in answer]
    return answer


def parse_instant(value: object) -> datetime:
    """Read an RFC 3339 instant. Raises InvalidArgument when it has no offset: the instant would be a guess."""
    try:
        instant = in_utc(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.year < _FIRST_YEAR:
        raise InvalidArgument(
            f"{value!r} is not a DateTime. Write an instant with its offset, like 2026-05-17T09:30:00Z."
        )
    return instant


def parse_date(value: object) -> date:
    """Read a date. Raises InvalidArgument."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.year < _FIRST_YEAR:
        raise InvalidArgument(f"{value!r} is not a Date. Write it like 2026-05-17.")
    return day


def _refuse(_: object) -> datetime:
    raise InvalidArgument("A LocalDateTime is never an input.")


def _scalar(
    name: str,
    description: str,
    serialize: Callable[[Any], str],
    parse: Callable[[Any], object],
    url: str | None = None,
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name, description=description, serialize=serialize, parse_value=parse, specified_by_url=url
    )


SCALARS: dict[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An instant, RFC 3339, in UTC: 2026-05-17T09:30:00Z.",
        format_instant,
        parse_instant,
        "https://scalars.graphql.org/andimarek/date-time",
    ),
    LocalDateTime: _scalar(
        "LocalDateTime",
        "Wall-clock time at the athlete's place, without offset: 2026-05-17T11:30:00.",
        format_local,
        _refuse,
    ),
    date: _scalar("Date", "A calendar day: 2026-05-17.", date.isoformat, parse_date),
}
