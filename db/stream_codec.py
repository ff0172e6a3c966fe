"""Reads stored samples of activities: compressed differences of scaled integers.

Version 2 has a count of samples, then the channels. Each is a byte for its name, then its segments
of 1,024 samples, each with its length and compressed by itself, so that a reader of a short range
expands little. A segment has one byte for its scale, one for the width of its integers, then the
first value and the differences as little-endian integers. Values without an exact decimal scale are
stored as 64-bit floats, so decoding returns exactly what was encoded. Samples that lack a value
repeat the one before, and a mask tells which. Positions are stored apart: they are for fewer
callers. `db/stream_encoding.py` writes all that.

Version 1 has only time, distance and heart rate, compressed as a whole. Rows of versions before 0.3
hold it.
"""

import sys
import zlib
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, chain, compress
from typing import Any

from runtime.errors import PacegraphError

_WHOLE, SEGMENTED = 1, 2
FLOATS, _ABSENT = 255, 254  # stored instead of a scale; _ABSENT only in version 1
MASKED = 128  # added to a scale: a mask of the missing values follows
SCALES = (1, 10, 100, 1_000, 1_000_000)  # whole seconds and beats, decimeters, …, degrees
WIDTHS = ("b", "h", "i", "q")
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
COLUMN_IDS = {
    "time_s": 0, "distance_m": 1, "heart_rate_bpm": 2, "cadence_rpm": 3, "altitude_m": 4, "power_w": 5,
    "temperature_c": 6, "speed_m_per_s": 7, "latitude": 8, "longitude": 9, "level": 10, "gap_count": 11,
}  # fmt: skip
_NAMES = {number: name for name, number in COLUMN_IDS.items()}
_OF_VERSION_1 = ("time_s", "distance_m", "heart_rate_bpm")
_OF_SAMPLES = tuple(each.name for each in fields(Samples))


def decode(
    data: bytes,
    positions: bytes | None = None,
    *,
    kind: "type[StoredColumns] | None" = None,
    names: Collection[str] | None = None,
) -> Samples:
    """Read the samples of a row of `activity_streams`, each column by `kind`.

    With `names`, only those columns beside the positions. Raises CorruptStreams.
    """
    read = kind or StoredColumns
    columns: dict[str, Any] = dict(read(data).read_all(names or _OF_SAMPLES))
    if positions is not None:
        columns |= read(positions).read_all(POSITION)
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
        if data[0] not in {_WHOLE, SEGMENTED}:
            raise CorruptStreams(f"unknown version {data[0]} of stored samples")
        self.count = int.from_bytes(data[1:5], "little")
        self._segments: dict[str, list[bytes]] = {}
        self._whole: dict[str, list[Any]] = {}
        try:
            self._open(data)
        except (IndexError, KeyError, ValueError, zlib.error) as error:
            raise CorruptStreams("stored samples are damaged") from error

    def read(self, name: str, start: int = 0, end: int | None = None) -> list[Any] | None:
        """Read a column from sample `start` up to `end`. None: it was not recorded."""
        end = self.count if end is None else end
        if name in self._whole:
            return self._whole[name][start:end]
        segments = self._segments.get(name)
        if segments is None:
            return None
        first = start // SEGMENT
        parts = []
        try:
            for index, packed in enumerate(segments[first : -(-end // SEGMENT)], start=first):
                size = min(SEGMENT, self.count - index * SEGMENT)
                parts.append(self._decoded(zlib.decompress(packed), size))
        except (IndexError, ValueError, zlib.error) as error:
            raise CorruptStreams("stored samples are damaged") from error
        found: list[Any] = parts[0] if len(parts) == 1 else self._joined(parts)
        skipped = first * SEGMENT
        return found if len(found) == end - start else found[start - skipped : end - skipped]

    def read_all(self, names: Collection[str]) -> dict[str, list[Any]]:
        """Read those of some columns that were recorded."""
        found = ((name, self.read(name)) for name in names)
        return {name: column for name, column in found if column is not None}

    def _decoded(self, body: bytes, count: int) -> Any:
        return _decode_segment(body, count)

    def _joined(self, parts: Sequence[Any]) -> Any:
        return list(chain.from_iterable(parts))

    def _open(self, data: bytes) -> None:
        if data[0] == _WHOLE:
            body, offset = zlib.decompress(data[5:]), 0
            for name in _OF_VERSION_1:
                scale, start = body[offset], offset
                offset += 1
                if scale == _ABSENT:
                    continue
                width = array("d" if scale == FLOATS else width_of(body[offset])).itemsize
                offset += self.count * width + (scale != FLOATS)
                self._whole[name] = self._decoded(body[start:offset], self.count)
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


def read_header(body: bytes, count: int) -> tuple[int, bytes, int]:
    """Read a segment's scale, the mask of what is missing ('' for nothing), and where they end.

    Raises IndexError, as what follows may.
    """
    scale = body[0]
    if scale == FLOATS - MASKED or MASKED <= scale < MASKED + len(SCALES):
        scale = FLOATS if scale == FLOATS - MASKED else scale - MASKED
        return scale, body[1 : count + 1], count + 1
    return scale, b"", 1


def width_of(code: int) -> str:
    """Name the width of a segment's integers. Raises ValueError."""
    if chr(code) not in WIDTHS:
        raise ValueError("no width")
    return chr(code)


def _decode_segment(body: bytes, count: int) -> list[Any]:
    scale, mask, offset = read_header(body, count)
    values: list[Any]
    if scale == FLOATS:
        values = list(_read_array("d", body, offset, count))
    else:
        divisor = SCALES[scale]
        totals = accumulate(_read_array(width_of(body[offset]), body, offset + 1, count))
        values = list(totals) if divisor == 1 else [total / divisor for total in totals]
    for missing in compress(range(count), mask):
        values[missing] = None
    return values


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
