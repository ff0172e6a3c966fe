"""Rounds and compresses the samples of an activity, in the form of `db/stream_codec.py`.

It computes with numpy, so only what derives imports it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, overload

import numpy as np
from deflate import zlib_compress
from numpy.typing import NDArray

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

_LEVEL, _CHART_LEVEL = 1, 2  # of libdeflate; 1 takes a third less, and a tenth more room for charts
_FIRST = 8  # values that mostly tell that a scale is too coarse
_LARGEST = 2.0**53  # of the integers that floats tell apart
_LARGEST_OF_32_BITS = 2.0**30
_NEAR_HALF = 1e-4
_LIMITS = [(code, (np.iinfo(code).min, np.iinfo(code).max)) for code in WIDTHS]
"""The least and the largest integer of each width."""
_TYPES = {code: np.dtype(f"<{code}") for code in WIDTHS}
WholeNumbers = NDArray[np.int32] | NDArray[np.int64]
# What is rounded: finer digits are noise, and would take most of the room.
_DIGITS = {
    "time_s": 3, "distance_m": 2, "heart_rate_bpm": 0, "cadence_rpm": 1, "altitude_m": 1, "power_w": 0,
    "temperature_c": 1, "speed_m_per_s": 3, "latitude": 6, "longitude": 6,
}  # fmt: skip


class RoundedColumn(Sequence[float | None]):
    """A column as an array, which gives its values as Python's numbers, and None for NaN.

    Where none is missing it holds `integers`, `SCALES[scale]` times the values: half of the memory
    of these, which are computed when they are asked for.
    """

    __slots__ = ("_values", "integers", "scale")

    def __init__(self, values: Floats | WholeNumbers, scale: int | None = None) -> None:
        """Take values, or with a `scale` the integers."""
        self._values: Any = values
        self.integers: WholeNumbers | None = None if scale is None else cast("Any", values)
        self.scale = scale or 0

    @property
    def _floats(self) -> Floats:
        values: Floats = self._values
        return values if self.integers is None else values / SCALES[self.scale]

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Floats:
        """The values, for numpy."""
        return np.array(self._floats, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float | None]:
        if self.integers is not None:
            return iter(self._floats.tolist())
        return (None if value != value else value for value in self._floats.tolist())  # noqa: PLR0124 - NaN

    @overload
    def __getitem__(self, place: int) -> float | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[float | None]: ...
    def __getitem__(self, place: int | slice) -> float | list[float | None] | None:
        if isinstance(place, slice):
            scale = None if self.integers is None else self.scale
            return list(RoundedColumn(self._values[place], scale))
        value = float(self._values[place]) / SCALES[self.scale]
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
        return RoundedColumn(*_least(_narrow(whole), scale))
    # A product near a half may have been rounded to its other side.
    is_near = np.abs(np.abs(scaled - whole) - 0.5) < _NEAR_HALF
    found = whole / SCALES[scale]
    for place in np.flatnonzero(is_near | (np.abs(whole) >= _LARGEST)).tolist():
        found[place] = round(float(values[place]), digits)
    return RoundedColumn(found)


def _narrow(whole: Floats) -> WholeNumbers:
    """Take whole numbers as integers of 32 bits, if these also hold their differences."""
    if np.abs(whole).max(initial=0.0) < _LARGEST_OF_32_BITS:
        return whole.astype(np.int32)
    return whole.astype(np.int64)


def _least(integers: WholeNumbers, scale: int) -> tuple[WholeNumbers, int]:
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
    columns: Mapping[str, Column | WholeNumbers], places: Integers | None = None
) -> bytes:
    """Compress columns of one length, by the names of `Samples` and `db/chart_samples.py`.

    `places` are those of the samples to take; None for all.
    """
    count = len(next(iter(columns.values()))) if places is None else len(places)
    level = _LEVEL if places is None else _CHART_LEVEL
    whole = {name: told for name, column in columns.items() if (told := _whole(column)) is not None}
    rows = [row if places is None else row.take(places) for row, _ in whole.values()]
    encoded = dict(zip(whole, _encode_integers(rows), strict=True))
    parts: list[bytes | bytearray] = [
        bytes((SEGMENTED,)),
        count.to_bytes(4, "little"),
        bytes((len(columns),)),
    ]
    for name, column in columns.items():
        parts.append(bytes((COLUMN_IDS[name],)))
        if name in whole:
            header = _header(whole[name][1], b"")
            bodies = [header + body for body in encoded[name]]
        else:
            bodies = _encode_values(floats(cast("Any", column)), places)
        for body in bodies:
            segment = zlib_compress(body, level)
            parts += [len(segment).to_bytes(2, "little"), segment]
    return b"".join(parts)


def _whole(column: Column | WholeNumbers) -> tuple[WholeNumbers, int] | None:
    """Get a column's integers and their scale; None where it is not known to be of such."""
    if isinstance(column, RoundedColumn):
        return None if column.integers is None else (column.integers, column.scale)
    is_whole = isinstance(column, np.ndarray) and column.dtype.kind == "i"
    return (cast("WholeNumbers", column), 0) if is_whole else None


def _encode_values(values: Floats, places: Integers | None) -> list[bytes]:
    """Encode the segments of a column."""
    if places is not None:
        values = values[places]
    return [
        _encode_segment(values[start : start + SEGMENT]) for start in range(0, len(values), SEGMENT)
    ]


def _encode_segment(values: Floats) -> bytes:
    is_missing = np.isnan(values)
    mask = is_missing.tobytes() if is_missing.any() else b""
    if mask:
        values = filled(values, ~is_missing)
    # Infinite and huge values are stored as floats.
    if np.isfinite(values).all() and np.abs(values).max(initial=0.0) < _LARGEST:
        for index, scale in enumerate(SCALES):
            if _are_exact(values[:_FIRST], scale) and _are_exact(values, scale):
                integers = _narrow(np.rint(values * scale))
                return _header(index, mask) + b"".join(*_encode_integers([integers]))
    return _header(FLOATS, mask) + values.astype("<f8").tobytes()


def _are_exact(values: Floats, scale: int) -> bool:
    """Whether integers at a scale give the values again."""
    whole = np.rint(values * scale)
    return bool((np.abs(whole) < _LARGEST).all() and (whole / scale == values).all())


def _header(scale: int, mask: bytes) -> bytes:
    if not mask:
        return bytes((scale,))
    return bytes((scale - MASKED if scale == FLOATS else scale + MASKED,)) + mask


def _encode_integers(rows: Sequence[WholeNumbers]) -> list[list[bytes]]:
    """Encode the segments of columns of one length: differences, at the smallest width for them.

    Segments of several columns are encoded together, as the number of numpy's calls is what costs.
    """
    found: list[list[bytes]] = [[] for _ in rows]
    for start in range(0, len(rows[0]) if rows else 0, SEGMENT):
        values = np.array([row[start : start + SEGMENT] for row in rows])
        steps = values.copy()
        steps[:, 1:] -= values[:, :-1]
        ranges = zip(steps.min(axis=1).tolist(), steps.max(axis=1).tolist(), strict=True)
        for bodies, row, (least, most) in zip(found, steps, ranges, strict=True):
            code = next(code for code, (low, high) in _LIMITS if low <= least and most <= high)
            bodies.append(code.encode() + row.astype(_TYPES[code]).tobytes())
    return found
