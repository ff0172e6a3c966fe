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
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, Base, BestEffort, ImportedFile, OldId, Original, PersonalBest
from db.models.old_id import RENUMBERED
from db.statements.ordering import Directed, Ordering
from db.statements.visibility import (
    OWNER,
    VIEWER,
    Audience,
    Condition,
    ConditionByOwner,
    Expression,
    FilterCondition,
    Part,
    Seen,
    for_audience,
    parts_of,
    visible,
)

KEYS = bindparam("keys", type_=ARRAY(BigInteger))
LIMIT = bindparam("row_limit", type_=Integer)
OF_ATHLETE = literal_column("«athlete»", BigInteger)
"""Placeholder for the athlete of a parent, beside the key of `of` (`db/statements/json_sql.py`)."""
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
        BestEffort: and_(
            BestEffort.id == PersonalBest.id, BestEffort.athlete_id == PersonalBest.athlete_id
        ),
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


@dataclass(frozen=True, eq=False)
class Collection:
    """A list that clients page through.

    `parent` is an integer column that all rows of one parent's list share. `filters` maps the name
    of a parameter to its condition. `always` is a condition on every row. For a list of all rows
    with filters beyond the `steady` ones, which index is best depends on their values.
    `others_among(filters, key)` narrows others' rows to those that they show, where no index has
    these alone.
    """

    model: type[Base]
    parent: Any = None
    filters: Mapping[str, FilterCondition] = field(default_factory=dict)
    always: Any = None
    steady: AbstractSet[str] = frozenset()
    others_among: Callable[[AbstractSet[str], Expression], Condition] | None = None


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

    def of_key(key: Expression | None) -> AnySelect:
        def of_part(part: Seen, columns: Columns) -> AnySelect:
            rows = _rows(collection, columns, part, shape.filters, key)
            if shape.after:
                with_tie = shape.with_tie
                rows = rows.where(shape.ordering.after("after", reverse=False, with_tie=with_tie))
            if shape.before:
                with_tie = shape.with_tie
                rows = rows.where(shape.ordering.after("before", reverse=True, with_tie=with_tie))
            return rows

        directions = shape.ordering.directions(reverse=shape.backward)
        parts = parts_of(collection.model, audience)
        return _together(of_part, parts, columns, directions, LIMIT)

    if collection.parent is None:
        return of_key(None)
    return _for_each_key(of_key) if of is None else of_key(of)


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
    key = of if of is not None or collection.parent is None else any_(KEYS)
    counted = [
        _rows(collection, {}, part, filters, key).add_columns(func.count().label("total"))
        for part in parts_of(collection.model, audience)
    ]
    if key is not of:
        parent = collection.parent.label(PARENT)
        # a key's rows are all of one part
        by_key = [each.add_columns(parent).group_by(collection.parent) for each in counted]
        return all_of(by_key)
    if len(counted) == 1:
        return counted[0]
    totals: Any = [each.scalar_subquery() for each in counted]
    return select(sum(totals[1:], totals[0]).label("total"))


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
    shows_some: bool = False,
    of_one_athlete: bool = False,
    of: Expression | None = None,
) -> AnySelect:
    """Select the visible rows with `key` among `keys`, each with its key.

    With `of`, those with that expression as `key`, without the key. `matching` says that `key`
    equals an expression, by columns that have indexes. `most` is how many rows a key has at most:
    the first ones. `shows_some`: others may see some of a key's rows, and not see others.
    `of_one_athlete`: below `of` they are the parent's athlete's, `OF_ATHLETE`, whose rows lie
    together (docs/partitions.md).
    """
    match: Matching = matching or (lambda value: key == value)
    is_of_athlete = key is OWNER.get(model)
    parts = parts_of(model, audience) if shows_some or is_of_athlete else (audience,)

    def of_key(value: Expression, columns: Columns) -> AnySelect:
        def of_part(part: Seen, columns: Columns) -> AnySelect:
            wanted: list[Condition] = [match(value), visible(model, part)]
            if of_one_athlete:
                wanted.append(is_of_athlete_of(model, of))
            wanted += [for_audience(each, part) for each in conditions]
            if part is Part.OTHERS and is_of_athlete:
                wanted.append(_is_of_others(value))
            return _correlated(_select(model, columns, wanted), value)

        directions = [Directed.from_clause(each) for each in order_by]
        limit = None if most is None else literal_column(str(most), Integer)
        return _together(of_part, parts, columns, directions, limit)

    if of is not None:
        return of_key(of, columns)
    if most is None:
        return of_key(any_(KEYS), {**columns, PARENT: key})
    return _for_each_key(lambda value: of_key(value, columns))


def of_rows(columns: Columns, rows: AnySelect) -> AnySelect:
    """Select `columns`, expressions over the columns of `rows`, in the order of these.

    `rows` have the key of their parent.
    """
    inner = rows.subquery("computed")
    picked = (expression.label(label) for label, expression in columns.items())
    return select(inner.c[PARENT], *picked).select_from(inner)


def ids_first(ids: AnySelect) -> ColumnElement[Any]:
    """Make an array of ids for `any_`: they are found first, then each row by its own.

    With IN, PostgreSQL may look at all rows that another index finds, and at their ids after that.
    """
    return func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger))


def matches(key: InstrumentedAttribute[Any], of: Expression | None) -> ColumnElement[bool]:
    """Condition that `key` is among `keys`, or equals the expression `of`."""
    return key == any_(KEYS) if of is None else key == of


def is_of_athlete_of(model: type[Base], of: Expression | None) -> ColumnElement[bool]:
    """Condition that a row has the athlete of the parent with the key `of`; none for `keys`."""
    return true() if of is None else OWNER[model] == OF_ATHLETE


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
    collection: Collection,
    columns: Columns,
    part: Seen,
    filters: AbstractSet[str],
    key: Expression | None,
) -> AnySelect:
    """Select rows of the list of `key`; None: the list of all rows."""
    conditions: list[Condition] = [visible(collection.model, part)]
    conditions += [for_audience(collection.filters[name], part) for name in sorted(filters)]
    if collection.always is not None:
        conditions.append(for_audience(collection.always, part))
    if key is None:
        return _select(collection.model, columns, conditions)
    conditions.append(collection.parent == key)
    if part is Part.OTHERS:
        if collection.parent is OWNER[collection.model]:
            conditions.append(_is_of_others(key))
        if collection.others_among is not None:
            conditions.append(collection.others_among(filters, key))
    return _correlated(_select(collection.model, columns, conditions), key)


def _is_of_others(key: Expression) -> ColumnElement[bool]:
    """Condition that the list of the athlete `key` is not the viewer's, known before its rows are."""
    return key != VIEWER


def _correlated(rows: AnySelect, key: Expression) -> AnySelect:
    """Take the `key` from the statement around `rows`, where it is a column of a table there."""
    table = getattr(key, "table", None)
    return rows if table is None else rows.correlate(table)


def _together(
    of_part: Callable[[Seen, Columns], AnySelect],
    parts: Sequence[Seen],
    columns: Columns,
    order_by: Sequence[Directed],
    limit: ColumnElement[int] | None,
) -> AnySelect:
    """Select the first `columns` of all parts, in their order. None: all.

    Each part has an order of its own, which an index may give.
    """
    if len(parts) == 1:
        return _first(of_part(parts[0], columns), [each.clause() for each in order_by], limit)
    keys = {f"order_{place}": each.column for place, each in enumerate(order_by)}
    clauses = [each.clause() for each in order_by]
    first = [_first(of_part(each, {**columns, **keys}), clauses, limit) for each in parts]
    found = union_all(*first).subquery("parts").c
    ordered = [each.clause(found[label]) for label, each in zip(keys, order_by, strict=True)]
    return _first(select(*(found[label] for label in columns)), ordered, limit)


def _first(
    rows: AnySelect, order_by: Sequence[ColumnElement[Any]], limit: ColumnElement[int] | None
) -> AnySelect:
    rows = rows.order_by(*order_by)
    return rows if limit is None else rows.limit(limit)


def all_of(parts: Sequence[AnySelect]) -> AnySelect:
    """Select the rows of all parts, without an order."""
    return parts[0] if len(parts) == 1 else select(*union_all(*parts).subquery("parts").c)


def _for_each_key(rows_of: Callable[[Expression], AnySelect]) -> AnySelect:
    keys = (
        func.unnest(KEYS).table_valued("key", with_ordinality="position").render_derived(name="k")
    )
    inner = rows_of(keys.c.key).lateral("rows")
    return select(keys.c.key.label(PARENT), *inner.c).select_from(keys.join(inner, onclause=true()))
