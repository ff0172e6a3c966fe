"""Writes many rows by one statement, whose text does not depend on how many they are."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as upsert

from db.models import Base
from db.models.base import RANDOM_ID


@cache
def add(model: type[Base], names: tuple[str, ...]) -> Executable:
    """Insert the rows in the parameter `rows` (`values_of`), with the columns `names`."""
    given = given_rows(model, names)
    return insert(model).from_select(names, select(*given.c))


@cache
def replace(
    model: type[Base],
    names: tuple[str, ...],
    keys: tuple[str, ...],
    *,
    of_new: tuple[str, ...] = (),
    before_deletion: Callable[[ColumnElement[bool]], Any] | None = None,
) -> Executable:
    """Make the rows in the parameter `rows` those of the activities `activity_ids`.

    They have the columns `names`, and `keys`, one of which is `activity_id`, tell them apart. Rows
    that are there and the same are not written; of those that differ the columns `of_new` stay.
    `before_deletion` makes a statement of the condition for the rows that go, which sees them.
    """
    table = model.__table__
    given = select(*given_rows(model, names).c).cte("new_rows")
    same_key = [table.c[key] == given.c[key] for key in keys]
    goes = and_(
        table.c.activity_id == any_(bindparam("activity_ids", type_=ARRAY(BigInteger))),
        ~exists().where(*same_key).correlate(table),
    )
    insertion = upsert(model).from_select(names, select(*given.c))
    changing = [each for each in names if each not in {*keys, *of_new}]
    differs = [table.c[each].is_distinct_from(insertion.excluded[each]) for each in changing]
    written = insertion.on_conflict_do_update(
        index_elements=[table.c[key] for key in keys],
        set_={each: insertion.excluded[each] for each in changing},
        where=or_(*differs),
    ).add_cte(delete(model).where(goes).cte("others"))
    return (
        written if before_deletion is None else written.add_cte(before_deletion(goes).cte("kept"))
    )


@cache
def new_ids() -> Executable:
    """Select `count` new ids of rows."""
    count = func.generate_series(1, bindparam("count", type_=Integer)).table_valued("number")
    return select(text(RANDOM_ID)).select_from(count)


def values_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows for `add`.

    Bytes become what PostgreSQL reads as bytea; arrays are of `as_array`.
    """
    return orjson.dumps(rows, default=_as_bytea).decode()


def _as_bytea(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of a column")
    return f"\\x{value.hex()}"


def as_array(numbers: Sequence[float]) -> str:
    """Write the value of a column that is an array of numbers, for `values_of`.

    PostgreSQL reads its own form of an array in a quarter of the time that JSON's takes.
    """
    return f"{{{orjson.dumps(numbers)[1:-1].decode()}}}"


def given_rows(model: type[Base], names: Sequence[str]) -> Any:
    """The rows in the parameter `rows`, as a table with the columns `names`."""
    columns = model.__table__.c
    types = {name: columns[name].type for name in names}
    arrays = {name: type_ for name, type_ in types.items() if isinstance(type_, ARRAY)}
    told = {**types, **dict.fromkeys(arrays, Text())}
    given = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
        .table_valued(*(column(name, type_) for name, type_ in told.items()))
        .render_derived(name="given", with_types=True)
    )
    if not arrays:
        return given
    read = [
        cast(given.c[name], type_).label(name) if name in arrays else given.c[name]
        for name, type_ in types.items()
    ]
    return select(*read).subquery("given_rows")
