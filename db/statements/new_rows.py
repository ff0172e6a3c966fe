"""Inserts many rows by one statement, whose text does not depend on how many they are."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Executable, Integer, Text, bindparam, cast, column, func, select, text
from sqlalchemy.dialects.postgresql import JSON, insert

from db.models import Base
from db.models.base import RANDOM_ID


@cache
def add(model: type[Base], names: tuple[str, ...]) -> Executable:
    """Insert the rows in the parameter `rows` (`values_of`), with the columns `names`."""
    given = given_rows(model, names)
    return insert(model).from_select(names, select(*given.c))


@cache
def new_ids() -> Executable:
    """Select `count` new ids of rows."""
    count = func.generate_series(1, bindparam("count", type_=Integer)).table_valued("number")
    return select(text(RANDOM_ID)).select_from(count)


def values_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows for `add`. Bytes become what PostgreSQL reads as bytea."""
    return orjson.dumps(rows, default=_as_bytea).decode()


def _as_bytea(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of a column")
    return f"\\x{value.hex()}"


def given_rows(model: type[Base], names: Sequence[str]) -> Any:
    """The rows in the parameter `rows`, as a table with the columns `names`."""
    columns = model.__table__.c
    return (
        func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
        .table_valued(*(column(name, columns[name].type) for name in names))
        .render_derived(name="given", with_types=True)
    )
