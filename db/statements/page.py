"""Lists of rows, by key and by page: keyset pagination, for one list or for the lists of many parents at once.

A page begins behind a cursor, the ordering values of the row it stands for, so it costs the same however deep it is
and does not shift under inserts. For many parents it is one statement: `unnest(keys) CROSS JOIN LATERAL (… LIMIT n)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    any_,
    bindparam,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Base, BestEffort, PersonalBest
from db.statements.visibility import Audience, Condition, Expression, Split, for_audience, visible

KEYS = bindparam("keys", type_=ARRAY(BigInteger))
LIMIT = bindparam("row_limit", type_=Integer)
PARENT = "parent_key"
"""Label of the column that says which key a row answers."""

JOINS: Mapping[type[Base], Mapping[type[Base], ColumnElement[bool]]] = {
    PersonalBest: {BestEffort: BestEffort.id == PersonalBest.id},
}
"""Tables whose columns are selected as if they were the model's own, and how they join it: always one row to one."""

AnySelect = Select[*tuple[Any, ...]]
Columns = Mapping[str, Expression]
"""What to select: label → expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """A total order: by `column`, which holds no nulls, then by `id` in the same direction."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    descending: bool

    def after(self, cursor: str, *, reverse: bool) -> ColumnElement[bool]:
        """Condition for rows behind (with `reverse`: before) the row whose values the parameters `cursor`_* carry."""
        row = tuple_(self.column, self.id)
        mark = tuple_(bindparam(f"{cursor}_value", type_=self.column.type), bindparam(f"{cursor}_id", type_=BigInteger))
        return row < mark if self.descending != reverse else row > mark

    def clauses(self, *, reverse: bool) -> tuple[ColumnElement[Any], ...]:
        if self.descending != reverse:
            return self.column.desc(), self.id.desc()
        return self.column.asc(), self.id.asc()


@dataclass(frozen=True, eq=False)
class Collection:
    """A list that clients page through.

    `parent` is the column (of whole numbers) its rows share within one parent's list. `filters` maps a parameter's name
    to its condition; `always`, a condition too, holds for every row.
    """

    model: type[Base]
    parent: Any = None
    filters: Mapping[str, Condition | Split] = field(default_factory=dict)
    always: Any = None


@dataclass(frozen=True, slots=True)
class PageShape:
    """What of a page's arguments changes the statement and not only its parameters."""

    ordering: Ordering
    filters: frozenset[str] = frozenset()
    after: bool = False
    before: bool = False
    backward: bool = False


def page(
    collection: Collection, columns: Columns, shape: PageShape, audience: Audience, *, of: Expression | None = None
) -> AnySelect:
    """Select one page. Rows come in the page's order, reversed where the shape is `backward`.

    A collection with a parent is selected for each of the parameter `keys`, or for the one key that the expression `of`
    names. Other parameters: `row_limit`, the filters', the cursors', the viewer's.
    """
    rows = (
        _rows(collection, columns, audience, shape.filters)
        .order_by(*shape.ordering.clauses(reverse=shape.backward))
        .limit(LIMIT)
    )
    if shape.after:
        rows = rows.where(shape.ordering.after("after", reverse=False))
    if shape.before:
        rows = rows.where(shape.ordering.after("before", reverse=True))
    if collection.parent is None:
        return rows
    return _for_each_key(collection.parent, rows) if of is None else rows.where(collection.parent == of)


def count(
    collection: Collection, filters: frozenset[str], audience: Audience, *, of: Expression | None = None
) -> AnySelect:
    """Count the rows of the whole list, as `total`; with a parent, for each of `keys` that has any, or for `of`."""
    counted = _rows(collection, {}, audience, filters).add_columns(func.count().label("total"))
    if collection.parent is None:
        return counted
    if of is not None:
        return counted.where(collection.parent == of)
    matches = counted.where(collection.parent == any_(KEYS))
    return matches.add_columns(collection.parent.label(PARENT)).group_by(collection.parent)


def by_key(
    model: type[Base],
    key: InstrumentedAttribute[Any],
    columns: Columns,
    audience: Audience,
    *,
    order_by: Sequence[ColumnElement[Any]] = (),
    conditions: Sequence[Condition | Split] = (),
    of: Expression | None = None,
) -> AnySelect:
    """Select the visible rows whose `key` is among the parameter `keys`, each with its key; or is `of`."""
    wanted = [matches(key, of), visible(model, audience), *(for_audience(each, audience) for each in conditions)]
    return _select(model, columns if of is not None else {**columns, PARENT: key}, wanted).order_by(*order_by)


def matches(key: InstrumentedAttribute[Any], of: Expression | None) -> ColumnElement[bool]:
    """Condition that `key` is among the parameter `keys`, or is the one that the expression `of` names."""
    return key == any_(KEYS) if of is None else key == of


def _select(model: type[Base], columns: Columns, conditions: Sequence[Condition]) -> AnySelect:
    """Select `columns` of `model`'s rows, joined with the tables that columns and conditions need (`JOINS`)."""
    statement = select(*(expression.label(label) for label, expression in columns.items())).select_from(model)
    tables = {table for expression in (*columns.values(), *conditions) for table in _tables(expression)}
    for joined, onclause in JOINS.get(model, {}).items():
        if joined.__table__ in tables:
            statement = statement.join(joined, onclause)
    return statement.where(*conditions)


def _tables(expression: Expression | Condition) -> Sequence[Any]:
    return expression._from_objects  # noqa: SLF001 - what `select()` itself reads; there is no public name for it


def _rows(collection: Collection, columns: Columns, audience: Audience, filters: frozenset[str]) -> AnySelect:
    conditions: list[Condition] = [visible(collection.model, audience)]
    conditions += [for_audience(collection.filters[name], audience) for name in sorted(filters)]
    if collection.always is not None:
        conditions.append(for_audience(collection.always, audience))
    return _select(collection.model, columns, conditions)


def _for_each_key(parent: InstrumentedAttribute[Any], rows: AnySelect) -> AnySelect:
    keys = func.unnest(KEYS).table_valued("key", with_ordinality="position").render_derived(name="k")
    inner = rows.where(parent == keys.c.key).lateral("rows")
    return select(keys.c.key.label(PARENT), *inner.c).select_from(keys.join(inner, onclause=true()))
