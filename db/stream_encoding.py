"""Rounds and compresses the samples of an activity, in the form of `db/stream_codec.py`.

It computes with numpy, so only what derives imports it.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from athletics.columns import Floats, Integers, filled, floats
from db.stream_codec import (
    COLUMN_IDS,
    FLOATS,
    MASKED,
    POSITION,
    SCALES,
    SEGMENT,
    SEGMENTED,
    WIDTHS,
    Column,
    Samples,
)

_LEVEL = 6  # of compression; 9 takes three times as long for 1 % less
_FIRST = 8  # values that mostly tell that a scale is too coarse
_LARGEST = 2.0**53  # of the integers that floats tell apart
_NEAR_HALF = 1e-4
_LIMITS = [(code, (np.iinfo(code).min, np.iinfo(code).max)) for code in WIDTHS]
"""The least and the largest integer of each width."""
# What is rounded: finer digits are noise, and would take most of the room.
_DIGITS = {
    "time_s": 3, "distance_m": 2, "heart_rate_bpm": 0, "cadence_rpm": 1, "altitude_m": 1, "power_w": 0,
    "temperature_c": 1, "speed_m_per_s": 3, "latitude": 6, "longitude": 6,
}  # fmt: skip


class RoundedColumn(Sequence[float | None]):
    """A column as an array, which gives its values as Python's numbers, and None for NaN.

    `integers` are `SCALES[scale]` times the values, and known where none is missing.
    """

    __slots__ = ("_values", "integers", "scale")

    def __init__(self, values: Floats, integers: Integers | None = None, scale: int = 0) -> None:
        self._values, self.integers, self.scale = values, integers, scale

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Floats:
        """The array itself, for numpy."""
        return np.array(self._values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float | None]:
        if self.integers is not None:
            return iter(self._values.tolist())
        return (None if value != value else value for value in self._values.tolist())  # noqa: PLR0124 - NaN

    @overload
    def __getitem__(self, place: int) -> float | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[float | None]: ...
    def __getitem__(self, place: int | slice) -> float | list[float | None] | None:
        if isinstance(place, slice):
            return list(RoundedColumn(self._values[place], self.integers, self.scale))
        value = float(self._values[place])
        return None if value != value else value  # noqa: PLR0124 - NaN


def rounded(samples: Samples) -> Samples:
    """Round all columns to what their sensors can tell: 0.01 m, 0.1 rpm, a millionth of a degree.

    Samples of files have to be: values computed from positions have no exact decimal scale.
    """
    columns: dict[str, Any] = {
        name: _rounded(floats(column), _DIGITS[name]) for name, column in samples.columns().items()
    }
    return Samples(**columns)


def _rounded(values: Floats, digits: int) -> RoundedColumn:
    scale = SCALES.index(10**digits)
    scaled = values * SCALES[scale]
    whole = np.rint(scaled)
    if np.isfinite(whole).all() and np.abs(whole).max(initial=0.0) < _LARGEST:
        integers, scale = _least(whole.astype(np.int64), scale)
        return RoundedColumn(integers / SCALES[scale], integers, scale)
    # A product near a half may have been rounded to its other side.
    is_near = np.abs(np.abs(scaled - whole) - 0.5) < _NEAR_HALF
    found = whole / SCALES[scale]
    for place in np.flatnonzero(is_near | (np.abs(whole) >= _LARGEST)).tolist():
        found[place] = round(float(values[place]), digits)
    return RoundedColumn(found)


def _least(integers: Integers, scale: int) -> tuple[Integers, int]:
    """Take the least scale that gives the same values."""
    for coarser in range(scale):
        factor = SCALES[scale] // SCALES[coarser]
        if not (integers[:_FIRST] % factor).any() and not (integers % factor).any():
            return integers // factor, coarser
    return integers, scale


def encode(samples: Samples) -> bytes:
    """Compress all but the position. Raises ValueError when the columns differ in length."""
    columns: dict[str, Any] = samples.columns()
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("the columns of samples must be of one length")
    columns = {name: column for name, column in columns.items() if name not in POSITION}
    return encode_columns(columns)


def encode_positions(samples: Samples) -> bytes | None:
    """Compress the position. None: it was not recorded."""
    columns = {name: column for name, column in samples.columns().items() if name in POSITION}
    return encode_columns(columns) if len(columns) == len(POSITION) else None


def encode_columns(
    columns: Mapping[str, Column | Integers], places: Integers | None = None
) -> bytes:
    """Compress columns of one length, by the names of `Samples` and `db/chart_samples.py`.

    `places` are those of the samples to take; None for all.
    """
    count = len(next(iter(columns.values()))) if places is None else len(places)
    parts = [bytes((SEGMENTED,)), count.to_bytes(4, "little"), bytes((len(columns),))]
    for name, column in columns.items():
        parts.append(bytes((COLUMN_IDS[name],)))
        for body in _bodies(column, places):
            segment = zlib.compress(body, _LEVEL)
            parts += [len(segment).to_bytes(2, "little"), segment]
    return b"".join(parts)


def _bodies(column: Column | Integers, places: Integers | None) -> list[bytes]:
    """Encode the segments of a column."""
    if isinstance(column, np.ndarray):
        integers, scale = column, 0
    elif isinstance(column, RoundedColumn) and column.integers is not None:
        integers, scale = column.integers, column.scale
    else:
        values = floats(column)
        if places is not None:
            values = values[places]
        return [
            _encode_segment(values[start : start + SEGMENT])
            for start in range(0, len(values), SEGMENT)
        ]
    if places is not None:
        integers = integers[places]
    return [_header(scale, b"") + body for body in _encode_integers(integers)]


def _encode_segment(values: Floats) -> bytes:
    is_missing = np.isnan(values)
    mask = is_missing.tobytes() if is_missing.any() else b""
    if mask:
        values = filled(values, ~is_missing)
    # Infinite and huge values are stored as floats.
    if np.isfinite(values).all() and np.abs(values).max(initial=0.0) < _LARGEST:
        for index, scale in enumerate(SCALES):
            if _are_exact(values[:_FIRST], scale) and _are_exact(values, scale):
                integers = np.rint(values * scale).astype(np.int64)
                return _header(index, mask) + b"".join(_encode_integers(integers))
    return _header(FLOATS, mask) + values.astype("<f8").tobytes()


def _are_exact(values: Floats, scale: int) -> bool:
    """Whether integers at a scale give the values again."""
    whole = np.rint(values * scale)
    return bool((np.abs(whole) < _LARGEST).all() and (whole / scale == values).all())


def _header(scale: int, mask: bytes) -> bytes:
    if not mask:
        return bytes((scale,))
    return bytes((scale - MASKED if scale == FLOATS else scale + MASKED,)) + mask


def _encode_integers(integers: Integers) -> list[bytes]:
    """Write the differences, a segment at a time, each at the smallest width for it."""
    if not len(integers):
        return []
    steps = integers.copy()
    steps[1:] -= integers[:-1]
    steps[::SEGMENT] = integers[::SEGMENT]
    starts = np.arange(0, len(steps), SEGMENT)
    ranges = zip(
        starts.tolist(),
        np.minimum.reduceat(steps, starts).tolist(),
        np.maximum.reduceat(steps, starts).tolist(),
        strict=True,
    )
    found = []
    for start, least, most in ranges:
        code = next(code for code, (low, high) in _LIMITS if low <= least and most <= high)
        part = steps[start : start + SEGMENT]
        found.append(code.encode() + part.astype(f"<{code}").tobytes())
    return found
