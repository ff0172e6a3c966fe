"""Rows as lines of JSON, and the JSON Schema of the lines of each table.

Big integers, ids among them, are text: JavaScript's numbers would lose digits. Instants are UTC.
Bytes are hexadecimal.
"""

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from db.models import Base
from db.statements.athletes.exported_data import EXPORTED, STREAMS, ExportedTable
from db.stream_codec import Samples, StoredColumns

_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
_ID = {"type": "string", "pattern": "^-?[0-9]+$"}
_NUMBERS = {"type": "array", "items": {"type": ["number", "null"]}}
_OF_SAMPLES = tuple(Samples.__dataclass_fields__)


def folder_of(table: str) -> str:
    """Name the file of a table in the archive."""
    return f"tables/{table}.jsonl"


def line_of(table: ExportedTable, row: Sequence[Any]) -> bytes:
    """Write a row of `table.columns`."""
    pairs = zip(table.columns, row, strict=True)
    return orjson.dumps({each.name: _plain(each, value) for each, value in pairs}, option=_OPTIONS)


def line_of_streams(activity_id: int, samples: bytes, positions: bytes | None) -> bytes:
    """Write the samples of one activity, as columns. Raises CorruptStreams."""
    stored = StoredColumns(samples)
    columns: dict[str, Any] = stored.read_all(_OF_SAMPLES)
    if positions is not None:
        columns |= StoredColumns(positions).read_all(_OF_SAMPLES)
    found = {"activity_id": str(activity_id), "sample_count": stored.count, **columns}
    return orjson.dumps(found, option=_OPTIONS)


def schema() -> bytes:
    """Write what the lines of each table look like."""
    tables = {each.name: _table_schema(each) for each in EXPORTED}
    tables[STREAMS.name] = _described(STREAMS.model, STREAMS.name) | {"line": _streams_schema()}
    return orjson.dumps(
        {"format": "pacegraph-export", "version": 1, "tables": tables},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _table_schema(table: ExportedTable) -> dict[str, Any]:
    types = {each.name: _type_of(each) for each in table.columns}
    return _described(table.model, table.name) | {"line": _object(types, list(types))}


def _streams_schema() -> dict[str, Any]:
    columns = dict.fromkeys(_OF_SAMPLES, _NUMBERS)
    types = {"activity_id": _ID, "sample_count": {"type": "integer"}, **columns}
    return _object(types, ["activity_id", "sample_count", "time_s", "distance_m"])


def _described(model: type[Base], name: str) -> dict[str, Any]:
    return {"file": folder_of(name), "description": cleandoc(model.__doc__ or "")}


def _object(types: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": types,
        "required": required,
        "additionalProperties": False,
    }


def _plain(column: Column[Any], value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if value is not None and isinstance(column.type, BigInteger):
        return str(value)
    return value


def _type_of(column: Column[Any]) -> dict[str, Any]:
    found = _json_type(column.type)
    if not column.nullable or "type" not in found:
        return found
    return {**found, "type": [found["type"], "null"]}


def _json_type(type_: Any) -> dict[str, Any]:
    if isinstance(type_, ARRAY):
        return {"type": "array", "items": _json_type(type_.item_type)}
    if isinstance(type_, DateTime):
        return _INSTANT if type_.timezone else _LOCAL_TIME
    for kind, found in _JSON_TYPES.items():
        if isinstance(type_, kind):
            return found
    return {"type": "string"}


_INSTANT = {"type": "string", "format": "date-time"}
_LOCAL_TIME = {"type": "string", "description": "By the clock at the athlete's place."}
# The first that fits: a BigInteger is an Integer too.
_JSON_TYPES: Mapping[type[TypeEngine[Any]], dict[str, Any]] = {
    JSONB: {},
    BigInteger: _ID,
    Integer: {"type": "integer"},
    Boolean: {"type": "boolean"},
    Float: {"type": "number"},
    Date: {"type": "string", "format": "date"},
    LargeBinary: {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
}
