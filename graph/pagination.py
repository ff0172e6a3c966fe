"""Relay connections: arguments, cursors, and the types a page is shown as."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
import strawberry
from sqlalchemy import BigInteger

from db.statements.page import Ordering, PageShape
from graph.arguments import in_utc, is_storable
from graph.errors import InvalidArgument, InvalidCursor, OutOfRange
from graph.scalars import format_float, format_instant

DEFAULT_SIZE = 20
MAX_SIZE = 1000
CURSOR_VALUE, CURSOR_ID = "cursor_value", "cursor_id"
"""Labels under which a page's rows carry their ordering values."""

_MAX_CURSOR_LENGTH = 2000
_INTEGER_BITS, _BIGINT_BITS = 32, 64

First = Annotated[
    int | None,
    strawberry.argument(description="How many from the start (or behind `after`); 1 to 1000. 20 without `last`."),
]
After = Annotated[str | None, strawberry.argument(description="Only what comes behind this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description="How many from the end (or ahead of `before`); 1 to 1000.")
]
Before = Annotated[str | None, strawberry.argument(description="Only what comes ahead of this cursor.")]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """One page of a list, as asked for. Hashable: equal arguments share a loader, and so a statement."""

    ordering: Ordering
    size: int = DEFAULT_SIZE
    backward: bool = False
    filters: tuple[tuple[str, Any], ...] = ()
    after: tuple[Any, int] | None = None
    before: tuple[Any, int] | None = None

    @property
    def shape(self) -> PageShape:
        names = frozenset(name for name, _ in self.filters)
        return PageShape(self.ordering, names, self.after is not None, self.before is not None, self.backward)

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the statement's parameters; one row more than the page holds tells whether there is more."""
        values = {**filter_parameters(self.filters), "row_limit": self.size + 1}
        for name, mark in (("after", self.after), ("before", self.before)):
            if mark is not None:
                values[f"{name}_value"], values[f"{name}_id"] = mark
        return values


def filter_parameters(filters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Make the parameters of filters, whose lists are kept as tuples to be hashable."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in filters}


def page_arguments(
    ordering: Ordering,
    filters: Mapping[str, Any] | None = None,
    *,
    first: int | None,
    after: str | None,
    last: int | None = None,
    before: str | None = None,
) -> PageArguments:
    """Check a connection's arguments; filters that are None do not apply.

    Raises OutOfRange, InvalidCursor, InvalidArgument naming the argument.
    """
    if first is not None and last is not None:
        raise InvalidArgument("Pass `first` or `last`, not both.", "last")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= MAX_SIZE:
            raise OutOfRange(name, 1, MAX_SIZE)
    given = {name: value for name, value in (filters or {}).items() if value is not None}
    return PageArguments(
        ordering=ordering,
        size=first or last or DEFAULT_SIZE,
        backward=last is not None,
        filters=tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in sorted(given.items())),
        after=None if after is None else decode_cursor(ordering, after, "after"),
        before=None if before is None else decode_cursor(ordering, before, "before"),
    )


def encode_cursor(ordering: Ordering, value: Any, row_id: int) -> str:
    """Make the cursor of a row: its ordering values, and the order they belong to."""
    if isinstance(value, datetime):
        value = format_instant(value)
    elif isinstance(value, float):
        value = format_float(value)
    return urlsafe_b64encode(orjson.dumps([order_name(ordering), value, row_id])).decode().rstrip("=")


def decode_cursor(ordering: Ordering, cursor: str, argument: str) -> tuple[Any, int]:
    """Read a cursor of a list in this order. Raises InvalidCursor naming `argument`."""
    try:
        if len(cursor) > _MAX_CURSOR_LENGTH:
            raise ValueError
        order, value, row_id = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if order != order_name(ordering) or type(row_id) is not int:
            raise ValueError
        return _typed(ordering, value), _integer(row_id, _BIGINT_BITS)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidCursor(argument) from None


def order_name(ordering: Ordering) -> str:
    """Name an order in cursors, so that a cursor is not taken for one of another order."""
    return f"{'-' if ordering.descending else ''}{ordering.column.key}"


def _typed(ordering: Ordering, value: Any) -> Any:
    """Check that the ordering's column could hold `value`. Raises ValueError, TypeError, OverflowError."""
    column = ordering.column.type
    wanted = column.python_type
    if wanted is datetime:
        return in_utc(datetime.fromisoformat(value))
    if wanted is float and type(value) in {int, float}:
        return float(value)
    if type(value) is not wanted or (wanted is str and not is_storable(value)):
        raise ValueError
    return (
        _integer(value, _BIGINT_BITS if isinstance(column, BigInteger) else _INTEGER_BITS) if wanted is int else value
    )


def _integer(value: int, bits: int) -> int:
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page in the list's order, with their cursors' values, and whether more lie behind them."""

    arguments: PageArguments
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)
    has_more: bool = False

    @classmethod
    def of(cls, arguments: PageArguments, fetched: Sequence[Mapping[str, Any]]) -> "Page":
        """Take the rows as fetched: reversed for a backward page, and one too many where there are more."""
        rows = fetched[: arguments.size]
        return cls(arguments, rows[::-1] if arguments.backward else rows, len(fetched) > arguments.size)

    def cursor(self, row: Mapping[str, Any]) -> str:
        return encode_cursor(self.arguments.ordering, row[CURSOR_VALUE], row[CURSOR_ID])


Node = TypeVar("Node")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more follow behind the last of this page.")
    has_previous_page: bool = strawberry.field(description="Whether more lie ahead of the first of this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first of this page; null when it is empty.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last of this page; null when it is empty.")


@strawberry.type(description="One place in a list.")
class Edge(Generic[Node]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="Opaque; pass it as `after` or `before`.")
    node: Node = strawberry.field(description="What stands in this place.")


def page_info(page: Page) -> PageInfo:
    """Make the page's PageInfo. A cursor that was passed is taken as proof that something lies on its other side."""
    arguments = page.arguments
    behind, ahead = arguments.before is not None, arguments.after is not None
    return PageInfo(
        has_next_page=behind if arguments.backward else page.has_more,
        has_previous_page=page.has_more if arguments.backward else ahead,
        start_cursor=page.cursor(page.rows[0]) if page.rows else None,
        end_cursor=page.cursor(page.rows[-1]) if page.rows else None,
    )
