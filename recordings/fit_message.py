"""Values of FIT messages, as fitdecode gives them."""

from collections.abc import Collection, Iterator
from typing import Any

from recordings.numbers import is_plausible_time

EPOCH_S = 631_065_600
"""FIT counts its seconds from 1989-12-31, in seconds since 1970."""
_DEGREES = 180 / 2**31

Values = dict[str, Any]


def values_of(message: Any, names: Collection[str] | None = None) -> Values:
    """The values of a message by the names of the profile, without developer fields.

    With `names` only those. A field may come more than once, such as `speed` beside components that
    expand to it; the first that has a value counts.
    """
    values: Values = {}
    for each in message.fields:
        value, definition = each.value, each.field_def
        if value is None or (definition is not None and definition.is_dev):
            continue
        named = each.field
        name = each.name if named is None else named.name
        if name not in values and (names is None or name in names):
            values[name] = value
    return values


def developer_values(message: Any) -> Iterator[tuple[str, int | None, tuple[int, int], float]]:
    """Name, native field or None, (application, field) and number of each developer field."""
    for field in message.fields:
        definition = field.field_def
        if definition is None or not definition.is_dev:
            continue
        number = number_in(field.value)
        if number is not None:
            key = (definition.dev_data_index, definition.def_num)
            yield str(field.name), getattr(field.field, "native_field_num", None), key, number


def number_in(value: Any) -> float | None:
    """The value as a number; the first of several; None where none is one."""
    kind = type(value)
    if kind is float or value is None:
        return value  # type: ignore[no-any-return] # None or a float
    if kind is int:
        return float(value)
    if isinstance(value, tuple):
        value = next((each for each in value if each is not None), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def number_of(values: Values, *names: str) -> float | None:
    """The number of the first of these fields that has one, or None."""
    for name in names:
        number = number_in(values.get(name))
        if number is not None:
            return number
    return None


def unix_of(values: Values, name: str = "timestamp") -> float | None:
    """A time as seconds since 1970; None where the device had no clock."""
    raw = number_in(values.get(name))
    if raw is None or not is_plausible_time(raw + EPOCH_S):
        return None
    return raw + EPOCH_S


def degrees_of(values: Values, name: str) -> float | None:
    """Degrees of an angle, which FIT counts in semicircles; None where there is none."""
    semicircles = number_in(values.get(name))
    return None if semicircles is None else semicircles * _DEGREES


def word_of(values: Values, *names: str) -> str | None:
    """A word of the profile or a text; None for numbers that the profile does not name."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None
