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
    true,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import UserDefinedType

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
    constraint: str | None = None,
    before_deletion: Callable[[ColumnElement[bool]], Any] | None = None,
) -> Executable:
    """Make the rows in the parameter `rows` those of the activities `activity_ids`.

    They have the columns `names`, and `keys`, one of which is `activity_id`, tell them apart. Rows
    that are there and the same are not written; of those that differ the columns `of_new` stay.
    `before_deletion` makes a statement of the condition for the rows that go, which sees them.
    `constraint` is the unique key, where its columns are not always `keys`.
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
        constraint=constraint,
        index_elements=None if constraint else [table.c[key] for key in keys],
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
    """Write rows without arrays for `add`; those with arrays are of `db.packed_arrays`.

    Bytes become what PostgreSQL reads as bytea.
    """
    return orjson.dumps(rows, default=_as_bytea).decode()


def _as_bytea(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of a column")
    return f"\\x{value.hex()}"


def packed_name(name: str) -> str:
    """Name the parameter with the arrays of a column, of all rows."""
    return f"all_{name}"


def place_names(name: str) -> tuple[str, str]:
    """Name the values of `rows` that tell where a row's array is: its first place, and the last."""
    return f"{name}_from", f"{name}_to"


def given_rows(model: type[Base], names: Sequence[str]) -> Any:
    """The rows in the parameter `rows`, as a table with the columns `names`."""
    columns = model.__table__.c
    types = {name: columns[name].type for name in names}
    arrays = {name: type_ for name, type_ in types.items() if isinstance(type_, ARRAY)}
    told: dict[str, Any] = {name: type_ for name, type_ in types.items() if name not in arrays}
    told |= {place: Integer() for name in arrays for place in place_names(name)}
    given = (
        func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
        .table_valued(*(column(name, type_) for name, type_ in told.items()))
        .render_derived(name="given", with_types=True)
    )
    if not arrays:
        return given
    packed = select(
        *(
            cast(bindparam(packed_name(name), type_=PackedArray()), type_).label(name)
            for name, type_ in arrays.items()
        )
    ).cte("packed_arrays")

    def read(name: str) -> Any:
        if name not in arrays:
            return given.c[name]
        first, last = (given.c[place] for place in place_names(name))
        return packed.c[name][first:last].label(name)

    rows = given.join(packed, true())
    return select(*map(read, types)).select_from(rows).subquery("given_rows")


class PackedArray(UserDefinedType[Any]):
    """An array that the driver takes as it is."""

    cache_ok = True
