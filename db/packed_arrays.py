"""Rows with arrays as parameters of `db.statements.new_rows`, in PostgreSQL's own form of numbers.

It reads that several times as fast as text: a route has thousands of numbers. The arrays of one
column stand in one parameter, one after the other, and each row tells where its own is.

It computes with numpy, so only what derives imports it.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import ARRAY, Integer

from db.models import Base
from db.statements.new_rows import packed_name, place_names, values_of

_NULL = struct.pack(">i", -1)


class PackedIntegers(bytes):
    """An `integer[]`."""


class PackedFloats(bytes):
    """A `double precision[]`."""


class PackedBytes(bytes):
    """A `bytea[]`."""


class _IntegersDumper(Dumper):
    format = Format.BINARY
    oid = psycopg.postgres.types["int4"].array_oid

    def dump(self, obj: PackedIntegers) -> bytes:
        return obj


class _FloatsDumper(_IntegersDumper):
    oid = psycopg.postgres.types["float8"].array_oid


class _BytesDumper(_IntegersDumper):
    oid = psycopg.postgres.types["bytea"].array_oid


psycopg.adapters.register_dumper(PackedIntegers, _IntegersDumper)
psycopg.adapters.register_dumper(PackedFloats, _FloatsDumper)
psycopg.adapters.register_dumper(PackedBytes, _BytesDumper)


def packed_bytes(values: Sequence[bytes | None]) -> PackedBytes:
    """Write a `bytea[]`, which psycopg would write as text, of two digits a byte."""
    has_null = any(value is None for value in values)
    parts = [_head("bytea", len(values), has_null=has_null)]
    for value in values:
        parts += [_NULL] if value is None else [struct.pack(">i", len(value)), value]
    return PackedBytes(b"".join(parts))


def parameters_of(
    model: type[Base], names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Make the parameters of `add` and `replace` of rows with the columns `names`.

    Arrays are sequences of numbers, or None.
    """
    types: dict[str, Any] = {each.name: each.type for each in model.__table__.c}
    arrays = [name for name in names if isinstance(types[name], ARRAY)]
    if not arrays:
        return {"rows": values_of(rows)}
    ends = dict.fromkeys(arrays, 0)
    found: dict[str, list[Any]] = {name: [] for name in arrays}
    told = []
    for row in rows:
        given = dict(row)
        for name in arrays:
            if (array := given.pop(name)) is not None:
                found[name].append(array)
                first, ends[name] = ends[name] + 1, ends[name] + len(array)
                given |= zip(place_names(name), (first, ends[name]), strict=True)
        told.append(given)
    packed = {
        packed_name(name): _packed(parts, is_whole=isinstance(types[name].item_type, Integer))
        for name, parts in found.items()
    }
    return {"rows": values_of(told), **packed}


def _packed(parts: Sequence[Any], *, is_whole: bool) -> bytes:
    """Write arrays as one, in the form that PostgreSQL's `array_recv` reads."""
    kind, oid = (">i4", "int4") if is_whole else (">f8", "float8")
    values = np.concatenate(parts) if parts else np.zeros(0)
    items = np.empty(len(values), [("size", ">i4"), ("value", kind)])
    items["size"], items["value"] = items.dtype["value"].itemsize, values
    data = _head(oid, len(values)) + items.tobytes()
    return PackedIntegers(data) if is_whole else PackedFloats(data)


def _head(oid: str, count: int, *, has_null: bool = False) -> bytes:
    """Write what stands before the values of an array of one dimension, counted from 1."""
    return struct.pack(">5i", 1, has_null, psycopg.postgres.types[oid].oid, count, 1)
