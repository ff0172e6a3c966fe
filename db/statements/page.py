"""Lists of rows, by key and by page, for one list or for the lists of many parents at once.

Pages use keyset pagination: a cursor holds the ordering values of a row, so a page costs the same
at any depth and is stable under inserts. Lists of many parents are one statement: `unnest(keys)
CROSS JOIN LATERAL (… LIMIT n)`.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, Base, BestEffort, ImportedFile, OldId, Original, PersonalBest
from db.models.old_id import RENUMBERED
from db.statements.visibility import (
    Audience,
    Condition,
    ConditionByOwner,
    Expression,
    FilterCondition,
    for_audience,
    visible,
)

KEYS = bindparam("keys", type_=ARRAY(BigInteger))
LIMIT = bindparam("row_limit", type_=Integer)
PARENT = "parent_key"
"""Label of the column that holds the key that a row belongs to."""


def _is_old_id_of(model: type[Base]) -> ColumnElement[bool]:
    row_id = model.id  # type: ignore[attr-defined]
    return and_(OldId.new_id == row_id, OldId.type_name == RENUMBERED[model])


JOINS: Mapping[type[Base], Mapping[type[Base], ColumnElement[bool]]] = {
    Activity: {OldId: _is_old_id_of(Activity)},
    BestEffort: {OldId: _is_old_id_of(BestEffort)},
    Original: {
        ImportedFile: and_(
            ImportedFile.athlete_id == Original.athlete_id, ImportedFile.digest == Original.digest
        )
    },
    PersonalBest: {
        BestEffort: BestEffort.id == PersonalBest.id,
        OldId: _is_old_id_of(PersonalBest),
    },
}
"""Tables whose columns are selected as if they were the model's, and their joins. An original
has a row for each activity.
"""

COPIES: Mapping[tuple[type[Base], Any], Expression] = {
    (PersonalBest, BestEffort.age_grade_percent): PersonalBest.age_grade_percent,
    (PersonalBest, BestEffort.age_on_day): PersonalBest.age_on_day,
}
"""Columns of such tables that a model repeats, so that its lists need no join."""

AnySelect = Select[*tuple[Any, ...]]
Matching = Callable[[Any], ColumnElement[bool]]
"""Makes the condition that a row belongs to a key."""
Columns = Mapping[str, Expression]
"""Label → expression to select."""


@dataclass(frozen=True, slots=True, eq=False)
class Ordering:
    """A total order: by `column`, which is never null, then by `id` in the same direction.

    With `tie`, which is never null, equal rows are ordered by `tie`, then by `id`. Both ascend,
    also where the order is descending.
    """

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[int]
    descending: bool
    tie: InstrumentedAttribute[Any] | None = None

    def after(self, cursor: str, *, reverse: bool, with_tie: bool) -> ColumnElement[bool]:
        """Condition for rows after the row with the values in the parameters `cursor`_*.

        With `reverse`, rows before it. Without `with_tie`, equal rows are compared by `id` alone,
        as versions without `tie` ordered them.
        """
        value = bindparam(f"{cursor}_value", type_=self.column.type)
        row_id = bindparam(f"{cursor}_id", type_=BigInteger)
        is_less = self.descending != reverse
        if self.tie is None or not with_tie:
            row, mark = tuple_(self.column, self.id), tuple_(value, row_id)
            return row < mark if is_less else row > mark
        tie = bindparam(f"{cursor}_tie", type_=self.tie.type)
        if not self.descending:
            row, mark = tuple_(self.column, self.tie, self.id), tuple_(value, tie, row_id)
            return row < mark if is_less else row > mark
        equal, mark = tuple_(self.tie, self.id), tuple_(tie, row_id)
        return or_(
            self.column < value if is_less else self.column > value,
            and_(self.column == value, equal < mark if reverse else equal > mark),
        )

    def clauses(self, *, reverse: bool) -> tuple[ColumnElement[Any], ...]:
        falls = self.descending != reverse
        if self.tie is None:
            return tuple(_directed(each, falls=falls) for each in (self.column, self.id))
        return (
            _directed(self.column, falls=falls),
            *(_directed(each, falls=reverse) for each in (self.tie, self.id)),
        )


def _directed(column: InstrumentedAttribute[Any], *, falls: bool) -> ColumnElement[Any]:
    return column.desc() if falls else column.asc()


@dataclass(frozen=True, eq=False)
class Collection:
    """A list that clients page through.

    `parent` is an integer column that all rows of one parent's list share. `filters` maps the name
    of a parameter to its condition. `always` is a condition on every row. For a list of all rows
    with filters beyond the `steady` ones, which index is best depends on their values.
    """

    model: type[Base]
    parent: Any = None
    filters: Mapping[str, FilterCondition] = field(default_factory=dict)
    always: Any = None
    steady: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PageShape:
    """The arguments of a page that change the statement, not only its parameters.

    `with_tie`: the cursors hold the order's `tie`; those of versions without it do not.
    """

    ordering: Ordering
    filters: frozenset[str] = frozenset()
    after: bool = False
    before: bool = False
    backward: bool = False
    with_tie: bool = True


def page(
    collection: Collection,
    columns: Columns,
    shape: PageShape,
    audience: Audience,
    *,
    of: Expression | None = None,
) -> AnySelect:
    """Select one page. Rows are in the page's order, reversed if the shape is `backward`.

    A collection with a parent is selected for each of `keys`, or for the key that the expression
    `of` names. Other parameters: `row_limit`, and those of the filters, the cursors and the viewer.
    """
    rows = (
        _rows(collection, columns, audience, shape.filters)
        .order_by(*shape.ordering.clauses(reverse=shape.backward))
        .limit(LIMIT)
    )
    if shape.after:
        rows = rows.where(shape.ordering.after("after", reverse=False, with_tie=shape.with_tie))
    if shape.before:
        rows = rows.where(shape.ordering.after("before", reverse=True, with_tie=shape.with_tie))
    if collection.parent is None:
        return rows
    return (
        _for_each_key(lambda key: collection.parent == key, rows)
        if of is None
        else rows.where(collection.parent == of)
    )


def count(
    collection: Collection,
    filters: frozenset[str],
    audience: Audience,
    *,
    of: Expression | None = None,
) -> AnySelect:
    """Count the rows of the whole list, as `total`.

    With a parent, for each of `keys` that has rows, or for `of`.
    """
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
    conditions: Sequence[Condition | ConditionByOwner] = (),
    matching: Matching | None = None,
    most: int | None = None,
    of: Expression | None = None,
) -> AnySelect:
    """Select the visible rows with `key` among `keys`, each with its key.

    With `of`, those with that expression as `key`, without the key. `matching` says that `key`
    equals an expression, by columns that have indexes. `most` is how many rows a key has at most:
    the first ones.
    """
    match: Matching = matching or (lambda value: key == value)
    wanted = [
        visible(model, audience),
        *(for_audience(each, audience) for each in conditions),
    ]
    if most is None:
        value = any_(KEYS) if of is None else of
        labelled = columns if of is not None else {**columns, PARENT: key}
        return _select(model, labelled, [match(value), *wanted]).order_by(*order_by)
    rows = _select(model, columns, wanted).order_by(*order_by).limit(literal_column(str(most)))
    return _for_each_key(match, rows) if of is None else rows.where(match(of))


def of_rows(columns: Columns, rows: AnySelect) -> AnySelect:
    """Select `columns`, expressions over the columns of `rows`, in the order of these.

    `rows` have the key of their parent.
    """
    inner = rows.subquery("computed")
    picked = (expression.label(label) for label, expression in columns.items())
    return select(inner.c[PARENT], *picked).select_from(inner)


def matches(key: InstrumentedAttribute[Any], of: Expression | None) -> ColumnElement[bool]:
    """Condition that `key` is among `keys`, or equals the expression `of`."""
    return key == any_(KEYS) if of is None else key == of


def _select(model: type[Base], columns: Columns, conditions: Sequence[Condition]) -> AnySelect:
    """Select `columns` of `model`, with the joins (`JOINS`) that the columns and conditions use."""
    statement = select(
        *(expression.label(label) for label, expression in columns.items())
    ).select_from(model)
    tables = {
        table for expression in (*columns.values(), *conditions) for table in _tables(expression)
    }
    for joined, onclause in JOINS.get(model, {}).items():
        if joined.__table__ in tables:
            statement = statement.join(joined, onclause)
    return statement.where(*conditions)


def _tables(expression: Expression | Condition) -> Sequence[Any]:
    return expression._from_objects  # noqa: SLF001 - `select()` reads it; no public name


def _rows(
    collection: Collection, columns: Columns, audience: Audience, filters: frozenset[str]
) -> AnySelect:
    conditions: list[Condition] = [visible(collection.model, audience)]
    conditions += [for_audience(collection.filters[name], audience) for name in sorted(filters)]
    if collection.always is not None:
        conditions.append(for_audience(collection.always, audience))
    return _select(collection.model, columns, conditions)


def _for_each_key(match: Matching, rows: AnySelect) -> AnySelect:
    keys = (
        func.unnest(KEYS).table_valued("key", with_ordinality="position").render_derived(name="k")
    )
    inner = rows.where(match(keys.c.key)).lateral("rows")
    return select(keys.c.key.label(PARENT), *inner.c).select_from(keys.join(inner, onclause=true()))
