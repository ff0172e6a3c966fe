"""Relations between rows: declared once, resolved for all parents of a level by one statement.

`lookup` is a field of one related row or of a short list, `connection` a list that clients page
through. Both are declarations that say from which column of the parent's row they start and how the
statement is built; `graph/mapping/batch_queries.py` runs them, `graph/mapping/loaders.py` gathers
the parents.
"""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from sqlalchemy import Executable
from sqlalchemy.orm import InstrumentedAttribute
from strawberry.types import Info

from db.models import Base
from db.statements.page import AnySelect, Collection, Columns, PageShape, by_key, count, page
from db.statements.visibility import OWNER, Audience, Condition, ConditionByOwner, Expression
from graph.cost.directives import ListSize, sized
from graph.mapping.row_type import ROW_TYPES, Column, RowType, Value, field
from graph.pagination import (
    DEFAULT_SIZE,
    Edge,
    Page,
    PageArguments,
    PageInfo,
    cursor_columns,
    filter_parameters,
    page_info,
)

Node = TypeVar("Node")
_SLICING = ("first", "last")
MOST_UNPAGED = 100
"""The most entries of a list without pages whose rows have no bound of their own."""


Build = Callable[[Columns, Any, Audience, Expression | None], AnySelect]


@dataclass(frozen=True, slots=True)
class Arguments:
    """A relation's arguments: `shape` selects the statement, `values` are its parameters."""

    shape: Hashable = None
    values: tuple[tuple[str, Any], ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        return filter_parameters(self.values)


NO_ARGUMENTS = Arguments()


class _Relation:
    """What every relation has: the column it starts from, by a label that equal columns share."""

    key: Expression | None
    key_to_others: Value | None = None

    @lru_cache(maxsize=256)  # noqa: B019 - declarations live as long as the process
    def select_key(self, model: type[Base], audience: Audience) -> Expression:
        """Make the column for an audience. With `key_to_others` it may differ for others."""
        assert self.key is not None
        return Column(self.key, to_others=self.key_to_others).select(model, audience)

    @property
    def key_label(self) -> str:
        return f"key_{self.key.key}" if self.key is not None else "key"


@dataclass(frozen=True, eq=False)
class Lookup(_Relation):
    """Rows of `target` for a key: the first, or with `many` all, in the statement's order.

    `build(columns, shape, audience, of)` makes the statement. Its rows are for the parameter `keys`
    and carry theirs as `parent_key`, or for the one key that the expression `of` names. `athlete`
    is the parent's column with the value of `OF_ATHLETE` beside it; None: the statement asks none.
    """

    target: str
    key: Expression | None
    build: Build
    many: bool = False
    key_to_others: Value | None = None
    athlete: InstrumentedAttribute[Any] | None = None

    @property
    def row_type(self) -> RowType:
        return ROW_TYPES[self.target]

    @lru_cache(maxsize=64)  # noqa: B019 - declarations live as long as the process
    def statement(self, shape: Hashable, audience: Audience) -> Executable:
        return self.build(self.row_type.selection(audience), shape, audience, None)


@dataclass(frozen=True, eq=False)
class _ColumnApart(Lookup):
    """The value of a column of the `model`'s row that the key names."""

    model: Any = None
    column: Column | None = None

    @property
    def row_type(self) -> Any:
        return self

    def selection(self, audience: Audience) -> Columns:
        assert self.column is not None
        return {"value": self.column.select(self.model, audience)}

    def hydrate(self, row: Mapping[str, Any]) -> Any:
        return row["value"]


@dataclass(frozen=True, eq=False)
class Paged(_Relation):
    """Pages of `target`'s rows in a collection; `key` is None for a list without a parent."""

    target: str
    key: Expression | None
    collection: Collection

    @property
    def row_type(self) -> RowType:
        return ROW_TYPES[self.target]

    @lru_cache(maxsize=256)  # noqa: B019
    def statement(self, shape: PageShape, audience: Audience) -> Executable:
        columns = {**self.row_type.selection(audience), **cursor_columns(shape.ordering)}
        return page(self.collection, columns, shape, audience)

    @lru_cache(maxsize=256)  # noqa: B019
    def count_statement(self, filters: frozenset[str], audience: Audience) -> Executable:
        return count(self.collection, filters, audience)


def rows_by(
    model: type[Base],
    by: InstrumentedAttribute[Any],
    *,
    order_by: Sequence[Any] = (),
    always: Sequence[Condition | ConditionByOwner] = (),
    filters: Mapping[str, Condition | ConditionByOwner] | None = None,
    most: int | None = None,
    of_one_athlete: bool = False,
) -> Build:
    """Build statements for the rows with a key in the column `by`, at most the first `most`.

    Those of the `filters` apply that the shape, a frozenset, names. `of_one_athlete` is that of
    `by_key`.
    """

    def build(columns: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
        conditions = [*always, *((filters or {})[name] for name in sorted(shape or ()))]
        return by_key(
            model,
            by,
            columns,
            audience,
            order_by=order_by,
            conditions=conditions,
            most=most,
            of_one_athlete=of_one_athlete,
            of=of,
        )

    return build


def own_lookup(
    target: str,
    key: InstrumentedAttribute[Any],
    by: InstrumentedAttribute[Any],
    *,
    key_to_others: Value | None = None,
    many: bool = False,
    **options: Any,
) -> Lookup:
    """Declare a lookup of rows that have the athlete of the row with the `key`.

    `options` are those of `rows_by`.
    """
    parent: Any = key.class_
    model: Any = by.class_
    build = rows_by(model, by, of_one_athlete=True, **options)
    return Lookup(target, key, build, many, key_to_others, OWNER[parent])


def lookup(
    relation: Lookup,
    description: str,
    *,
    list_size: ListSize | None = None,
    deprecated: str | None = None,
) -> Any:
    """Declare a field of related rows, without arguments. `deprecated` names its successor."""

    async def resolve(root: Any, info: Info) -> Any:
        return await info.context.loaders.lookup(
            relation, NO_ARGUMENTS, getattr(root, relation.key_label)
        )

    return field(
        relation,
        description,
        list_size=list_size,
        resolver=resolve,
        deprecation_reason=deprecated,
    )


def column_apart(
    expression: Value, key: InstrumentedAttribute[Any], description: str, *, otherwise: Any = None
) -> Any:
    """Declare a field with the value of `expression`, a search that is not to be done unasked.

    It is `otherwise` where the row with the `key` has gone or is hidden now.
    """
    model: Any = key.class_
    relation = _ColumnApart("", key, rows_by(model, key), model=model, column=Column(expression))

    async def resolve(root: Any, info: Info) -> Any:
        found = await info.context.loaders.lookup(
            relation, NO_ARGUMENTS, getattr(root, relation.key_label)
        )
        return otherwise if found is None else found

    return field(Column(expression, apart=relation), description, resolver=resolve)


def lookup_with(
    relation: Lookup, description: str, returns: Any, *, list_size: ListSize | None = None
) -> Callable[[Callable[..., Arguments]], Any]:
    """Declare a field of related rows by the function that reads its arguments."""

    def decorate(read_arguments: Callable[..., Arguments]) -> Any:
        async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
            return await info.context.loaders.lookup(
                relation, read_arguments(**arguments), getattr(root, relation.key_label)
            )

        resolver = with_signature_of(read_arguments, resolve, returns)
        return field(
            relation,
            description,
            list_size=list_size,
            read_arguments=read_arguments,
            resolver=resolver,
        )

    return decorate


def connection(relation: Paged, description: str) -> Callable[[Callable[..., PageArguments]], Any]:
    """Declare a connection by a function from the field's arguments to the page's.

    It is null where its arguments are refused, such as its cursor, and leaves its neighbors alone.
    """

    def decorate(read_arguments: Callable[..., PageArguments]) -> Any:
        async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
            key = getattr(root, relation.key_label) if relation.key is not None else None
            asked = read_arguments(**arguments)
            return Connection.from_page(
                relation, key, await info.context.loaders.page(relation, asked, key)
            )

        module = f"graph.types.{_module_of(relation.target)}"
        returns: Any = Connection[Annotated[relation.target, strawberry.lazy(module)]]  # type: ignore[name-defined]
        resolver = with_signature_of(read_arguments, resolve, returns | None)
        slicing = [
            name for name in _SLICING if name in inspect.signature(read_arguments).parameters
        ]
        size = sized(DEFAULT_SIZE, by=slicing, fields=["edges", "nodes"])
        return field(
            relation,
            f"{description} Null if an argument is refused; `errors` says which.",
            list_size=size,
            read_arguments=read_arguments,
            resolver=resolver,
        )

    return decorate


@strawberry.type(description="One page of a list.")
class Connection(Generic[Node]):
    """Relay's connection."""

    relation: strawberry.Private[Paged]
    key: strawberry.Private[int | None]
    page: strawberry.Private[Page]

    @classmethod
    def from_page(cls, relation: Paged, key: int | None, found: Page) -> "Connection[Any]":
        return cls(relation=relation, key=key, page=found)

    @strawberry.field(description="Entries of the page, each with its cursor.")
    def edges(self) -> list[Edge[Node]]:
        hydrate = self.relation.row_type.hydrate
        return [Edge(cursor=self.page.cursor(row), node=hydrate(row)) for row in self.page.rows]

    @strawberry.field(description="Entries of the page, without cursors.")
    def nodes(self) -> list[Node]:
        return [self.relation.row_type.hydrate(row) for row in self.page.rows]

    @strawberry.field(description="Cursors of the page, and whether there are more pages.")
    def page_info(self) -> PageInfo:
        return page_info(self.page)

    @strawberry.field(
        description="Number of entries in the whole list. Needs a separate database query."
    )
    async def total_count(self, info: Info) -> int:
        total: Awaitable[int] = info.context.loaders.total(
            self.relation, self.page.arguments.filters, self.key
        )
        return await total


def with_signature_of(
    declared: Callable[..., Any], resolve: Callable[..., Awaitable[Any]], returns: Any
) -> Callable[..., Awaitable[Any]]:
    """Give `resolve` the signature of `declared`: Strawberry takes a field's arguments from it alone."""
    own = [
        parameter
        for name, parameter in inspect.signature(resolve).parameters.items()
        if name in {"root", "info"}
    ]
    asked = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(declared).parameters.values()
    ]
    resolve.__signature__ = inspect.Signature([*own, *asked], return_annotation=returns)  # type: ignore[attr-defined]
    resolve.__annotations__ = {
        parameter.name: parameter.annotation for parameter in [*own, *asked]
    } | {"return": returns}
    resolve.__name__, resolve.__module__ = declared.__name__, declared.__module__
    return resolve


def _module_of(type_name: str) -> str:
    return "".join(
        f"_{letter.lower()}" if letter.isupper() else letter for letter in type_name
    ).lstrip("_")
