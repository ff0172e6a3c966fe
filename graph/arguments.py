"""Checks of values that callers pass."""

from collections.abc import Sequence
from math import isfinite

from graph.errors import InvalidArgument, OutOfRange


def checked_text(value: str | None, field: str, *, max_length: int, min_length: int = 0) -> str | None:
    """Pass on a text, stripped. Raises OutOfRange by its length, InvalidArgument where PostgreSQL cannot hold it."""
    if value is None:
        return None
    text = value.strip()
    if not min_length <= len(text) <= max_length:
        raise OutOfRange(field, min_length, max_length, "characters long")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidArgument(f"`{field}` holds a character that is no text (NUL or half a surrogate pair).", field)
    return text


def checked_texts(values: Sequence[str] | None, field: str, *, max_length: int, max_count: int) -> list[str] | None:
    """Pass on texts. Raises OutOfRange, InvalidArgument."""
    if values is None:
        return None
    if len(values) > max_count:
        raise OutOfRange(field, 0, max_count, "entries long")
    return [checked_text(value, field, max_length=max_length) or "" for value in values]


def checked_number(value: float | None, field: str, low: float, high: float) -> float | None:
    """Pass on a number. Raises OutOfRange."""
    if value is not None and not (isfinite(value) and low <= value <= high):
        raise OutOfRange(field, low, high)
    return value
