"""Reads stored samples (`db/stream_codec.py`) into arrays, for what derives from them.

It computes with numpy, so only what derives imports it.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from athletics.columns import Floats
from db.stream_codec import FLOATS, SCALES, Samples, StoredColumns, decode, read_header, width_of
from db.stream_encoding import RoundedColumn


def decode_arrays(
    data: bytes, positions: bytes | None = None, names: Collection[str] | None = None
) -> Samples:
    """As `db.stream_codec.decode`, with columns that are arrays."""
    return decode(data, positions, kind=_StoredArrays, names=names)


class _StoredArrays(StoredColumns):
    def _decoded(self, body: bytes, count: int) -> RoundedColumn:
        return RoundedColumn(_decoded(body, count))

    def _joined(self, parts: Sequence[Any]) -> RoundedColumn:
        return RoundedColumn(np.concatenate(parts) if parts else np.zeros(0))


def _decoded(body: bytes, count: int) -> Floats:
    """Read a segment; NaN is what is missing."""
    scale, mask, offset = read_header(body, count)
    if scale == FLOATS:
        values = np.frombuffer(body, "<f8", count, offset).copy()
    else:
        width = width_of(body[offset])
        steps = np.frombuffer(body, f"<{width}", count, offset + 1)
        values = np.cumsum(steps, dtype=np.int64) / SCALES[scale]
    if mask:
        values[np.frombuffer(mask, np.uint8) != 0] = np.nan
    return values
