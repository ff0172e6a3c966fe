"""Columns that athletes changed here: rows name them in `edited`, and their source does not count."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, case, cast, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute


def is_edited(rows: Any, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Whether the athlete changed `column` of `rows`, a model with `edited` or an alias of it."""
    return literal(column.key, Text) == any_(rows.edited)


def unless_edited(rows: Any, column: InstrumentedAttribute[Any], told: Any) -> ColumnElement[Any]:
    """What the source tells of a column, unless the athlete changed it."""
    return case((is_edited(rows, column), column), else_=told)


def with_names(edited: Any, names: Iterable[str]) -> ColumnElement[list[str]]:
    """The names of the column `edited`, and `names`, each once."""
    new = cast(literal(sorted(names), ARRAY(Text)), ARRAY(Text))
    both = func.unnest(edited.op("||")(new)).table_valued("name").render_derived()
    return (
        select(func.array_agg(func.distinct(both.c.name), type_=ARRAY(Text)))
        .select_from(both)
        .scalar_subquery()
    )
