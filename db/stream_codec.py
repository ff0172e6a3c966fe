"""How an activity's samples are stored: each channel as differences of scaled integers, all of them deflated.

Layout before compression: for every channel one byte for its scale, then the first value and the differences, as
little-endian integers of the width the next byte names. Values that no decimal scale holds exactly are kept as 64-bit
floats, so decoding returns just what was encoded.
"""

import sys
import zlib
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise

from db.errors import PacegraphError

_VERSION = 1
_ABSENT, _FLOATS = 254, 255  # in the place of a scale
_SCALES = (1, 10, 100)  # Strava gives whole seconds and beats, and decimetres
_WIDTHS = ("b", "h", "i", "q")


class CorruptStreams(PacegraphError):  # noqa: N818
    """Stored samples cannot be read."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one activity, all channels of one length.

    `time_s` from the activity's start, `distance_m` from its start; `heart_rate_bpm` is None where none was recorded.
    """

    time_s: Sequence[float]
    distance_m: Sequence[float]
    heart_rate_bpm: Sequence[float] | None = None


def encode(samples: Samples) -> bytes:
    """Compress `samples`. Raises ValueError when the channels differ in length."""
    channels = (samples.time_s, samples.distance_m, samples.heart_rate_bpm)
    if len({len(channel) for channel in channels if channel is not None}) != 1:
        raise ValueError("time_s, distance_m and heart_rate_bpm must be of one length")
    header = bytes((_VERSION,)) + len(samples.time_s).to_bytes(4, "little")
    return header + zlib.compress(b"".join(map(_encode_channel, channels)), 6)


def decode(data: bytes) -> Samples:
    """Read what `encode` wrote. Raises CorruptStreams."""
    try:
        if data[0] != _VERSION:
            raise CorruptStreams(f"unknown version {data[0]} of stored samples")
        count, body, offset = int.from_bytes(data[1:5], "little"), zlib.decompress(data[5:]), 0
        channels: list[Sequence[float] | None] = []
        for _ in range(3):
            channel, offset = _decode_channel(body, offset, count)
            channels.append(channel)
    except (IndexError, ValueError, zlib.error) as error:
        raise CorruptStreams("stored samples are damaged") from error
    time_s, distance_m, heart_rate_bpm = channels
    if time_s is None or distance_m is None:
        raise CorruptStreams("stored samples lack time or distance")
    return Samples(time_s, distance_m, heart_rate_bpm)


def _encode_channel(values: Sequence[float] | None) -> bytes:
    if values is None:
        return bytes((_ABSENT,))
    # Infinite and huge values overflow, NaN has no integer: all are kept as they are.
    with suppress(OverflowError, ValueError):
        for index, scale in enumerate(_SCALES):
            integers = [round(value * scale) for value in values]
            if all(integer / scale == value for integer, value in zip(integers, values, strict=True)):
                return bytes((index,)) + _encode_integers(integers)
    return bytes((_FLOATS,)) + _little_endian(array("d", values)).tobytes()


def _encode_integers(integers: Sequence[int]) -> bytes:
    """Write the differences at the least width that holds them. Raises OverflowError where none does."""
    differences = [*integers[:1], *(after - before for before, after in pairwise(integers))]
    for code in _WIDTHS:
        try:
            packed = array(code, differences)
        except OverflowError:
            continue
        return code.encode() + _little_endian(packed).tobytes()
    raise OverflowError


def _decode_channel(body: bytes, offset: int, count: int) -> tuple[Sequence[float] | None, int]:
    scale, offset = body[offset], offset + 1
    if scale == _ABSENT:
        return None, offset
    if scale == _FLOATS:
        floats, offset = _take("d", body, offset, count)
        return list(floats), offset
    code, divisor = chr(body[offset]), _SCALES[scale]
    if code not in _WIDTHS:
        raise ValueError("no width")
    differences, offset = _take(code, body, offset + 1, count)
    totals = accumulate(differences)
    return (list(totals) if divisor == 1 else [total / divisor for total in totals]), offset


def _take(code: str, body: bytes, offset: int, count: int) -> tuple["array[int] | array[float]", int]:
    values = array(code)
    end = offset + count * values.itemsize
    if end > len(body):
        raise ValueError("too few samples")
    values.frombytes(body[offset:end])
    return _little_endian(values), end


def _little_endian(values: "array[int] | array[float]") -> "array[int] | array[float]":
    if sys.byteorder == "big":
        values.byteswap()
    return values
