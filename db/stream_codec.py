"""How an activity's samples are stored: compressed differences of scaled integers.

Version 2 has a count of samples, then the channels. Each is a byte for its name, then its segments
of 1,024 samples, each with its length and compressed by itself, so that a reader of a short range
expands little. A segment has one byte for its scale, one for the width of its integers, then the
first value and the differences as little-endian integers. Values without an exact decimal scale are
stored as 64-bit floats, so decoding returns exactly what was encoded. Samples that lack a value
repeat the one before, and a mask tells which.

Positions are stored apart (`encode_positions`): they are for fewer callers.

Version 1 has only time, distance and heart rate, compressed as a whole. Rows of versions before 0.3
hold it.
"""

import sys
import zlib
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import accumulate, compress, repeat
from operator import floordiv, itemgetter, mod, mul, sub, truediv
from typing import Any

from runtime.errors import PacegraphError

_WHOLE, _SEGMENTED = 1, 2
_FLOATS, _ABSENT = 255, 254  # stored instead of a scale; _ABSENT only in version 1
_MASKED = 128  # added to a scale: a mask of the missing values follows
_SCALES = (1, 10, 100, 1_000, 1_000_000)  # whole seconds and beats, decimeters, …, degrees
_WIDTHS = ("b", "h", "i", "q")
_LEVEL = 6  # of compression; 9 takes three times as long for 1 % less
_FIRST = 8  # values that mostly tell that a scale is too coarse
_LONG = 100_000  # samples, beyond which memory counts more than time
SEGMENT = 1024
"""Samples that are compressed together."""

Column = Sequence[float | None]


class CorruptStreams(PacegraphError):
    """Stored samples cannot be read."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one recording, in columns of the same length.

    `time_s` and `distance_m` count from the activity's start. A column is None if it was not
    recorded, and only in the optional ones single values may be. `cadence_rpm` is in rotations of
    one leg a minute. `latitude` and `longitude` are in degrees.
    """

    time_s: Sequence[float]
    distance_m: Sequence[float]
    heart_rate_bpm: Column | None = None
    cadence_rpm: Column | None = None
    altitude_m: Column | None = None
    power_w: Column | None = None
    temperature_c: Column | None = None
    speed_m_per_s: Column | None = None
    latitude: Column | None = None
    longitude: Column | None = None

    def columns(self) -> dict[str, Column]:
        """Get the columns that were recorded, by name, time first."""
        named = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: column for name, column in named if column is not None}


POSITION = ("latitude", "longitude")
_IDS = {
    "time_s": 0, "distance_m": 1, "heart_rate_bpm": 2, "cadence_rpm": 3, "altitude_m": 4, "power_w": 5,
    "temperature_c": 6, "speed_m_per_s": 7, "latitude": 8, "longitude": 9, "level": 10, "gap_count": 11,
}  # fmt: skip
_NAMES = {number: name for name, number in _IDS.items()}
_OF_VERSION_1 = ("time_s", "distance_m", "heart_rate_bpm")
# What is rounded: finer digits are noise, and would take most of the room.
_DIGITS = {
    "time_s": 3, "distance_m": 2, "heart_rate_bpm": 0, "cadence_rpm": 1, "altitude_m": 1, "power_w": 0,
    "temperature_c": 1, "speed_m_per_s": 3, "latitude": 6, "longitude": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decimals:
    """Values as they are encoded: integers, which are `_SCALES[scale]` times the values."""

    integers: Sequence[int]
    scale: int


class DecimalColumn(list[float]):
    """A column without missing values, which knows its decimals, so that encoding it is cheap.

    It is not to be changed.
    """

    __slots__ = ("decimals",)

    def __init__(self, decimals: Decimals) -> None:
        super().__init__(_parts(decimals.integers, _SCALES[decimals.scale]))
        self.decimals = decimals


def rounded(samples: Samples) -> Samples:
    """Round all columns to what their sensors can tell: 0.01 m, 0.1 rpm, a millionth of a degree.

    Samples of files have to be: values computed from positions have no exact decimal scale.
    """
    columns: dict[str, Any] = {
        name: _rounded(column, _DIGITS[name]) for name, column in samples.columns().items()
    }
    return Samples(**columns)


def _rounded(column: Column, digits: int) -> Column:
    # None is no factor, infinite and huge values overflow, and NaN has no integer.
    with suppress(TypeError, OverflowError, ValueError):
        for part in (column[:_FIRST], column):
            integers = list(map(int, part))  # type: ignore[arg-type]
            if integers != list(part):
                break
        else:
            return DecimalColumn(Decimals(integers, scale=0)) if len(column) <= _LONG else column
        scale = _SCALES.index(10**digits)
        integers = _integers(column, _SCALES[scale])
        if len(integers) > _LONG:
            return array("d", _parts(integers, _SCALES[scale]))
        return DecimalColumn(_decimals(integers, scale))
    return [None if value is None else round(value, digits) for value in column]


def _decimals(integers: list[int], scale: int) -> Decimals:
    """Take the least scale."""
    for coarser in range(scale):
        factor = _SCALES[scale] // _SCALES[coarser]
        if _are_multiples(integers[:_FIRST], factor) and _are_multiples(integers, factor):
            return Decimals(list(map(floordiv, integers, repeat(factor))), coarser)
    return Decimals(integers, scale)


def _are_multiples(integers: Sequence[int], factor: int) -> bool:
    return not any(map(mod, integers, repeat(factor)))


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
    columns: Mapping[str, Column | Decimals], places: Sequence[int] | None = None
) -> bytes:
    """Compress columns of one length, by the names of `Samples` and `db/chart_samples.py`.

    `places` are those of the samples to take, at least two; None for all.
    """
    first = next(iter(columns.values()))
    whole = len(first.integers if isinstance(first, Decimals) else first)
    count = whole if places is None else len(places)
    parts = [bytes((_SEGMENTED,)), count.to_bytes(4, "little"), bytes((len(columns),))]
    for name, column in columns.items():
        parts.append(bytes((_IDS[name],)))
        for body in _bodies(column, places):
            segment = zlib.compress(body, _LEVEL)
            parts += [len(segment).to_bytes(2, "little"), segment]
    return b"".join(parts)


def _bodies(column: Column | Decimals, places: Sequence[int] | None) -> Iterator[bytes]:
    """Encode the segments of a column."""
    known = column.decimals if isinstance(column, DecimalColumn) else column
    values: Sequence[Any] = known.integers if isinstance(known, Decimals) else known
    if places is not None:
        values = itemgetter(*places)(values)
    for start in range(0, len(values), SEGMENT):
        part = values[start : start + SEGMENT]
        if isinstance(known, Decimals):
            yield _header(known.scale, b"") + _encode_integers(part)
        else:
            yield _encode_segment(part)


def decode(data: bytes, positions: bytes | None = None) -> Samples:
    """Read what `encode` and `encode_positions` wrote. Raises CorruptStreams."""
    columns: dict[str, Any] = dict(StoredColumns(data).read_all(_DIGITS.keys()))
    if positions is not None:
        columns |= StoredColumns(positions).read_all(POSITION)
    if "time_s" not in columns or "distance_m" not in columns:
        raise CorruptStreams("stored samples lack time or distance")
    return Samples(**columns)


class StoredColumns:
    """The columns in encoded data, each read when it is asked for.

    All methods raise CorruptStreams.
    """

    def __init__(self, data: bytes) -> None:
        if not data:
            raise CorruptStreams("stored samples are empty")
        if data[0] not in {_WHOLE, _SEGMENTED}:
            raise CorruptStreams(f"unknown version {data[0]} of stored samples")
        self.count = int.from_bytes(data[1:5], "little")
        self._segments: dict[str, list[bytes]] = {}
        self._whole: dict[str, list[Any]] = {}
        try:
            self._open(data)
        except (IndexError, KeyError, ValueError, zlib.error) as error:
            raise CorruptStreams("stored samples are damaged") from error

    @property
    def names(self) -> Collection[str]:
        return self._segments or self._whole

    def read(self, name: str, start: int = 0, end: int | None = None) -> list[Any] | None:
        """Read a column from sample `start` up to `end`. None: it was not recorded."""
        end = self.count if end is None else end
        if name in self._whole:
            return self._whole[name][start:end]
        segments = self._segments.get(name)
        if segments is None:
            return None
        first = start // SEGMENT
        found: list[Any] = []
        try:
            for index, packed in enumerate(segments[first : -(-end // SEGMENT)], start=first):
                size = min(SEGMENT, self.count - index * SEGMENT)
                found += _decode_segment(zlib.decompress(packed), size)
        except (IndexError, ValueError, zlib.error) as error:
            raise CorruptStreams("stored samples are damaged") from error
        skipped = first * SEGMENT
        return found if len(found) == end - start else found[start - skipped : end - skipped]

    def read_all(self, names: Collection[str]) -> dict[str, list[Any]]:
        """Read those of some columns that were recorded."""
        found = ((name, self.read(name)) for name in names)
        return {name: column for name, column in found if column is not None}

    def _open(self, data: bytes) -> None:
        if data[0] == _WHOLE:
            body, offset = zlib.decompress(data[5:]), 0
            for name in _OF_VERSION_1:
                scale, start = body[offset], offset
                offset += 1
                if scale == _ABSENT:
                    continue
                width = array("d" if scale == _FLOATS else _width(body[offset])).itemsize
                offset += self.count * width + (scale != _FLOATS)
                self._whole[name] = _decode_segment(body[start:offset], self.count)
            return
        offset = 6
        per_column = -(-self.count // SEGMENT)
        for _ in range(data[5]):
            name = _NAMES[data[offset]]
            offset += 1
            segments = []
            for _ in range(per_column):
                length = int.from_bytes(data[offset : offset + 2], "little")
                segments.append(data[offset + 2 : offset + 2 + length])
                offset += 2 + length
                if offset > len(data):
                    raise ValueError("too short")
            self._segments[name] = segments


# --- segments


def _encode_segment(values: Column) -> bytes:
    mask = b""
    if None in values:
        mask = bytes(value is None for value in values)
        values = _filled(values)
    # Infinite and huge values overflow, and NaN has no integer: they are stored as floats.
    with suppress(OverflowError, ValueError):
        for index, scale in enumerate(_SCALES):
            if _exact_integers(values[:_FIRST], scale) is None:
                continue
            integers = _exact_integers(values, scale)
            if integers is not None:
                return _header(index, mask) + _encode_integers(integers)
    return _header(_FLOATS, mask) + _little_endian(array("d", values)).tobytes()  # type: ignore[arg-type, type-var]


def _exact_integers(values: Column, scale: int) -> list[int] | None:
    """Get the integers of values at a scale; None if they do not give the values again."""
    integers = _integers(values, scale)
    return integers if _parts(integers, scale) == list(values) else None


def _integers(values: Column, scale: int) -> list[int]:
    """Raises OverflowError and ValueError for infinite values and NaN."""
    return list(map(round, map(mul, values, repeat(scale))))


def _parts(integers: Sequence[int], scale: int) -> list[float]:
    return list(map(truediv, integers, repeat(scale)))


def _header(scale: int, mask: bytes) -> bytes:
    if not mask:
        return bytes((scale,))
    return bytes((scale - _MASKED if scale == _FLOATS else scale + _MASKED,)) + mask


def _filled(values: Column) -> list[float]:
    """Replace missing values by the one before, or by the first."""
    last = next((value for value in values if value is not None), 0)
    filled = []
    for value in values:
        last = last if value is None else value
        filled.append(last)
    return filled


def _encode_integers(integers: Sequence[int]) -> bytes:
    """Write the differences at the smallest width for them. Raises OverflowError if none does."""
    differences = [*integers[:1], *map(sub, integers[1:], integers)]
    for code in _WIDTHS:
        try:
            packed = array(code, differences)
        except OverflowError:
            continue
        return code.encode() + _little_endian(packed).tobytes()
    raise OverflowError


def _decode_segment(body: bytes, count: int) -> list[Any]:
    scale, offset, mask = body[0], 1, b""
    if scale == _FLOATS - _MASKED or _MASKED <= scale < _MASKED + len(_SCALES):
        mask, offset = body[1 : count + 1], count + 1
        scale = _FLOATS if scale == _FLOATS - _MASKED else scale - _MASKED
    values: list[Any]
    if scale == _FLOATS:
        values = list(_read_array("d", body, offset, count))
    else:
        divisor = _SCALES[scale]
        totals = accumulate(_read_array(_width(body[offset]), body, offset + 1, count))
        values = list(totals) if divisor == 1 else [total / divisor for total in totals]
    for missing in compress(range(count), mask):
        values[missing] = None
    return values


def _width(code: int) -> str:
    if chr(code) not in _WIDTHS:
        raise ValueError("no width")
    return chr(code)


def _read_array(code: str, body: bytes, offset: int, count: int) -> "array[int] | array[float]":
    values = array(code)
    end = offset + count * values.itemsize
    if end > len(body):
        raise ValueError("too few samples")
    values.frombytes(body[offset:end])
    return _little_endian(values)


def _little_endian(values: "array[int] | array[float]") -> "array[int] | array[float]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
