"""Checks of values that callers pass."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from unicodedata import category

from strawberry.utils.str_converters import to_camel_case

from graph.errors import CallerError, InvalidArgument, OutOfRange, SeveralProblems

_NOT_IN_LINES = {"Cc", "Zl", "Zp"}
"""Unicode's categories of control characters, and of separators of lines and paragraphs."""


class InputChecks:
    """Collects what is wrong with the fields of an input, so that a form can show all of it at once."""

    def __init__(self) -> None:
        self._problems: list[CallerError] = []

    @contextmanager
    def of_field(self) -> Iterator[None]:
        """Note what is wrong instead of raising it. The block ends there."""
        try:
            yield
        except SeveralProblems as problems:
            self._problems += problems.each
        except CallerError as problem:
            # without the frames, which have these checks: a cycle would stay until a collection
            self._problems.append(problem.with_traceback(None))

    def finish(self) -> None:
        """Raises SeveralProblems if something was wrong."""
        if self._problems:
            raise SeveralProblems(self._problems)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def in_utc(instant: datetime) -> datetime:
    """Pass on an instant as UTC.

    Raises ValueError without an offset, OverflowError beyond the years 1 to 9999.
    """
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


def drop_forbidden_nulls(
    given: dict[str, Any], required: Collection[str], checks: InputChecks
) -> None:
    """Drop null from those of an input's given fields that must not be null, and note each."""
    for name in [name for name, value in given.items() if value is None and name in required]:
        del given[name]
        with checks.of_field():
            raise InvalidArgument(
                f"input.{to_camel_case(name)}", "cannot be null. Omit it to keep its value."
            )


def checked_text(
    value: str | None, field: str, *, max_length: int, min_length: int = 0, is_line: bool = False
) -> str | None:
    """Pass on a text, stripped, or None. One that `is_line`, such as a name, has no line breaks.

    Raises OutOfRange by its length, InvalidArgument where PostgreSQL or a line cannot hold it.
    """
    if value is None:
        return None
    text = value.strip()
    if not min_length <= len(text) <= max_length:
        raise OutOfRange(field, min_length, max_length, "characters long")
    if not is_storable(text):
        raise InvalidArgument(
            field, "contains an invalid character (NUL or an unpaired surrogate). Remove it."
        )
    if is_line and any(category(character) in _NOT_IN_LINES for character in text):
        raise InvalidArgument(
            field, "contains a line break, a tab or another control character. Remove it."
        )
    return text


def checked_texts(
    values: Sequence[str] | None, field: str, *, max_length: int, max_count: int
) -> list[str] | None:
    """Pass on texts, stripped, or None. Raises OutOfRange, InvalidArgument."""
    if values is None:
        return None
    if len(values) > max_count:
        raise OutOfRange(field, 0, max_count, "entries long")
    return [checked_text(value, field, max_length=max_length) or "" for value in values]


def checked_number(value: float | None, field: str, low: float, high: float) -> float | None:
    """Pass on a number, or None. Raises OutOfRange."""
    if value is not None and not (isfinite(value) and low <= value <= high):
        raise OutOfRange(field, low, high)
    return value
