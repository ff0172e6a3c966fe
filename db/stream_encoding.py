"""Rounds and compresses the samples of an activity, in the form of `db/stream_codec.py`.

It computes with numpy, so only what derives imports it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast, overload

import numpy as np
from isal.isal_zlib import compress as zlib_compress
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

_LEVEL = 1  # of ISA-L; 2 and 3 take longer, and no less room
_FIRST = 8  # values that mostly tell that a scale is too coarse
_LARGEST = 2.0**53  # of the integers that floats tell apart
_LARGEST_OF_32_BITS = 2.0**30
_NEAR_HALF = 1e-4
_KEPT_UP_TO = 20_000
"""Values of a column, more than five hours: memory counts more than time in longer recordings."""
_TYPES = {code: np.dtype(f"<{code}") for code in WIDTHS}
_CODES = [next(code for code in WIDTHS if bits < 8 * _TYPES[code].itemsize) for bits in range(64)]
"""The smallest width that holds integers of so many bits, the sign not counted."""
WholeNumbers = NDArray[np.int32] | NDArray[np.int64]
# What is rounded: finer digits are noise, and would take most of the room.
_DIGITS = {
    "time_s": 3, "distance_m": 2, "heart_rate_bpm": 0, "cadence_rpm": 1, "altitude_m": 1, "power_w": 0,
    "temperature_c": 1, "speed_m_per_s": 3, "latitude": 6, "longitude": 6,
}  # fmt: skip


class RoundedColumn(Sequence[float | None]):
    """A column as an array, which gives its values as Python's numbers, and None for NaN.

    Where none is missing it holds `integers`, `SCALES[scale]` times the values: half of the memory
    of these, which are computed when they are asked for, and kept unless there are many.
    """

    __slots__ = ("_computed", "_values", "integers", "scale")

    def __init__(self, values: Floats | WholeNumbers, scale: int | None = None) -> None:
        """Take values, or with a `scale` the integers."""
        self._values: Any = values
        self.integers: WholeNumbers | None = None if scale is None else cast("Any", values)
        self.scale = scale or 0
        self._computed: Floats | None = None

    @property
    def _floats(self) -> Floats:
        values: Floats = self._values
        if self.integers is None:
            return values
        if self._computed is not None:
            return self._computed
        computed = values / SCALES[self.scale]
        if len(computed) <= _KEPT_UP_TO:
            self._computed = computed
        return computed

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
    largest = np.abs(whole).max(initial=0.0)
    if largest < _LARGEST:  # not where there is a NaN
        return RoundedColumn(*_least(whole, scale, largest))
    # A product near a half may have been rounded to its other side.
    is_near = np.abs(np.abs(scaled - whole) - 0.5) < _NEAR_HALF
    found = whole / SCALES[scale]
    for place in np.flatnonzero(is_near | (np.abs(whole) >= _LARGEST)).tolist():
        found[place] = round(float(values[place]), digits)
    return RoundedColumn(found)


def _narrow(whole: Floats, largest: float) -> WholeNumbers:
    """Take whole numbers as integers of 32 bits, if these also hold their differences."""
    if largest < _LARGEST_OF_32_BITS:
        return whole.astype(np.int32)
    return whole.astype(np.int64)


def _least(whole: Floats, scale: int, largest: float) -> tuple[WholeNumbers, int]:
    """Take the least scale that gives the same values."""
    for coarser in range(scale):
        factor = SCALES[scale] // SCALES[coarser]
        if (np.rint(whole[:_FIRST] / factor) * factor == whole[:_FIRST]).all():
            found: Floats = np.rint(whole / factor)
            if (found * factor == whole).all():
                return _narrow(found, largest / factor), coarser
    return _narrow(whole, largest), scale


class PackableColumns:
    """Columns of one length, by the names of `Samples` and `db/chart_samples.py`, to be compressed.

    All that are of whole numbers are encoded together: the number of numpy's calls is what costs.
    """

    def __init__(self, columns: Mapping[str, Column | WholeNumbers]) -> None:
        self._columns = columns
        whole = {name: told for name, column in columns.items() if (told := _whole(column))}
        self._headers = {name: _header(scale, b"") for name, (_, scale) in whole.items()}
        self._rows: Any = np.array([row for row, _ in whole.values()])

    def packed(
        self, groups: Iterable[Collection[str]], places: Integers | None = None
    ) -> list[bytes]:
        """Compress groups of columns, by their names.

        `places` are those of the samples to take; None for all.
        """
        rows = self._rows
        if places is not None and len(rows):
            rows = rows.take(places, axis=1)
        bodies = dict(zip(self._headers, _encode_integers(rows), strict=True))
        return [self._packed_group(names, places, bodies) for names in groups]

    def _packed_group(
        self,
        names: Collection[str],
        places: Integers | None,
        bodies: Mapping[str, list[bytes]],
    ) -> bytes:
        count = len(next(iter(self._columns.values()))) if places is None else len(places)
        parts = [
            bytes((SEGMENTED,)),
            count.to_bytes(4, "little"),
            bytes((len(names),)),
        ]
        for name in names:
            parts.append(bytes((COLUMN_IDS[name],)))
            for segment in self._segments(name, places, bodies):
                packed = _compressed(segment)
                parts += [len(packed).to_bytes(2, "little"), packed]
        return b"".join(parts)

    def _segments(
        self, name: str, places: Integers | None, bodies: Mapping[str, list[bytes]]
    ) -> list[bytes]:
        if name in bodies:
            header = self._headers[name]
            return [header + body for body in bodies[name]]
        return _encode_values(floats(cast("Any", self._columns[name])), places)


@lru_cache(maxsize=128)
def _compressed(segment: bytes) -> bytes:
    """Compress a segment. Some are the same in most recordings: a sample each second, no gap."""
    return zlib_compress(segment, _LEVEL)


def check_lengths(columns: Mapping[str, Column]) -> None:
    """Raise ValueError unless all columns are of one length."""
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("the columns of samples must be of one length")


def groups_of(columns: Collection[str]) -> tuple[list[str], tuple[str, ...]]:
    """Part the columns of a recording from its position, which is empty unless it was recorded."""
    others = [name for name in columns if name not in POSITION]
    return others, POSITION if len(others) + len(POSITION) == len(columns) else ()


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
                whole = np.rint(values * scale)
                integers = _narrow(whole, np.abs(whole).max(initial=0.0))
                [bodies] = _encode_integers(integers[np.newaxis])
                return _header(index, mask) + b"".join(bodies)
    return _header(FLOATS, mask) + values.astype("<f8").tobytes()


def _are_exact(values: Floats, scale: int) -> bool:
    """Whether integers at a scale give the values again."""
    whole = np.rint(values * scale)
    return bool((np.abs(whole) < _LARGEST).all() and (whole / scale == values).all())


def _header(scale: int, mask: bytes) -> bytes:
    if not mask:
        return bytes((scale,))
    return bytes((scale - MASKED if scale == FLOATS else scale + MASKED,)) + mask


def _encode_integers(rows: Any) -> list[list[bytes]]:
    """Encode the segments of columns: differences, at the smallest width for them."""
    if not rows.size:
        return [[] for _ in rows]
    starts = range(0, rows.shape[1], SEGMENT)
    steps = rows.copy()
    steps[:, 1:] -= rows[:, :-1]
    steps[:, ::SEGMENT] = rows[:, ::SEGMENT]
    ranges = (each.reduceat(steps, starts, axis=1).tolist() for each in (np.minimum, np.maximum))
    return [
        [
            _narrowest(row[start : start + SEGMENT], least, most)
            for start, least, most in zip(starts, *of_row, strict=True)
        ]
        for row, *of_row in zip(steps, *ranges, strict=True)
    ]


def _narrowest(steps: WholeNumbers, least: int, most: int) -> bytes:
    """Write integers from `least` to `most` with the code of their width."""
    code = _CODES[max(most, ~least).bit_length()]
    return code.encode() + steps.astype(_TYPES[code]).tobytes()
