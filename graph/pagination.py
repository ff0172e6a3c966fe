"""Relay connections: arguments, cursors and page types."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import orjson
import strawberry
from sqlalchemy import BigInteger
from sqlalchemy.orm import InstrumentedAttribute

from db.models.base import FIRST_RANDOM_ID
from db.models.old_id import RENUMBERED
from db.statements.ordering import Ordering
from db.statements.page import PageShape
from graph.errors import InvalidArgument, InvalidCursor, OutOfRange
from graph.input_checks import in_utc, is_storable
from graph.scalars import format_float, format_instant

DEFAULT_SIZE = 20
MAX_SIZE = 1000
DEFAULT_POINTS = 500
MAX_POINTS = 5000
"""Points of an activity's streams, which are numbers."""
CURSOR_VALUE, CURSOR_TIE, CURSOR_ID = "cursor_value", "cursor_tie", "cursor_id"
"""Labels of the ordering values in a page's rows."""

_MAX_CURSOR_LENGTH = 2000
_INTEGER_BITS, _BIGINT_BITS = 32, 64

First = Annotated[
    int | None,
    strawberry.argument(
        description="Number of entries from the start, or after the cursor `after`. 1 to 1000. "
        "Default: 20, unless `last` is given."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Return only entries after this cursor.")
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Number of entries from the end, or before the cursor `before`. 1 to 1000."
    ),
]
Before = Annotated[
    str | None, strawberry.argument(description="Return only entries before this cursor.")
]


class Mark(NamedTuple):
    """A row's ordering values. `tie` is None in orders without, and in cursors older than it."""

    value: Any
    id: int
    tie: Any = None


@dataclass(frozen=True, slots=True)
class PageArguments:
    """A requested page of a list.

    Hashable, because equal arguments share a loader and so a statement.
    """

    ordering: Ordering
    size: int = DEFAULT_SIZE
    backward: bool = False
    filters: tuple[tuple[str, Any], ...] = ()
    after: Mark | None = None
    before: Mark | None = None

    @property
    def shape(self) -> PageShape:
        names = frozenset(name for name, _ in self.filters)
        marks = [each for each in (self.after, self.before) if each is not None]
        return PageShape(
            self.ordering,
            names,
            self.after is not None,
            self.before is not None,
            self.backward,
            with_tie=all(each.tie is not None for each in marks),
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the statement's parameters.

        The limit is one row more than the page, to know whether more rows follow.
        """
        values = {**filter_parameters(self.filters), "row_limit": self.size + 1}
        for name, mark in (("after", self.after), ("before", self.before)):
            if mark is not None:
                values[f"{name}_value"], values[f"{name}_id"] = mark.value, mark.id
                values |= {} if mark.tie is None else {f"{name}_tie": mark.tie}
        return values


def filter_parameters(filters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Make the parameters of filters. Lists are stored as tuples, which are hashable."""
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
    """Check a connection's arguments. Filters that are None do not apply.

    Raises OutOfRange, InvalidCursor, InvalidArgument naming the argument.
    """
    if first is not None and last is not None:
        raise InvalidArgument("last", "cannot be given beside `first`. Pass one of them.")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= MAX_SIZE:
            raise OutOfRange(name, 1, MAX_SIZE)
    given = {name: value for name, value in (filters or {}).items() if value is not None}
    return PageArguments(
        ordering=ordering,
        size=first or last or DEFAULT_SIZE,
        backward=last is not None,
        filters=tuple(
            (name, tuple(v) if isinstance(v, list) else v) for name, v in sorted(given.items())
        ),
        after=None if after is None else decode_cursor(ordering, after, "after"),
        before=None if before is None else decode_cursor(ordering, before, "before"),
    )


def encode_cursor(ordering: Ordering, mark: Mark) -> str:
    """Make the cursor of a row from its ordering values and the name of the order."""
    values = [mark.value] if mark.tie is None else [mark.value, mark.tie]
    packed = [order_name(ordering), *map(_plain, values), mark.id]
    return urlsafe_b64encode(orjson.dumps(packed)).decode().rstrip("=")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    return format_float(value) if isinstance(value, float) else value


def decode_cursor(ordering: Ordering, cursor: str, argument: str) -> Mark:
    """Read a cursor of a list in this order. Raises InvalidCursor naming `argument`."""
    try:
        if len(cursor) > _MAX_CURSOR_LENGTH:
            raise ValueError
        order, value, *ties, row_id = orjson.loads(
            urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        if order != order_name(ordering) or type(row_id) is not int:
            raise ValueError
        if len(ties) > (ordering.tie is not None):
            raise ValueError
        tie = _typed(ordering.tie, ties[0]) if ordering.tie is not None and ties else None
        if row_id < FIRST_RANDOM_ID and ordering.id.class_ in RENUMBERED:
            row_id, tie = _past_ties(ordering, argument), None
        return Mark(_typed(ordering.column, value), _integer(row_id, _BIGINT_BITS), tie)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidCursor(argument) from None


def _past_ties(ordering: Ordering, argument: str) -> int:
    """Get the id that continues a list behind all rows with the cursor's value.

    It replaces the number of a row in a cursor of a version before 0.3. If lists began behind a
    number, trying all of them would tell each row's.
    """
    is_lowest = ordering.descending == (argument == "after")
    return 0 if is_lowest else 2 ** (_BIGINT_BITS - 1) - 1


def cursor_columns(ordering: Ordering) -> dict[str, InstrumentedAttribute[Any]]:
    """Get the columns that a cursor holds, by their labels in a page's rows, in its order."""
    tie = {} if ordering.tie is None else {CURSOR_TIE: ordering.tie}
    return {CURSOR_VALUE: ordering.column, **tie, CURSOR_ID: ordering.id}


def order_name(ordering: Ordering) -> str:
    """Name an order in cursors, so that cursors of another order are refused."""
    return f"{'-' if ordering.descending else ''}{ordering.column.key}"


def _typed(ordered: InstrumentedAttribute[Any], value: Any) -> Any:
    """Check that an ordering's column can hold `value`.

    Raises ValueError, TypeError, OverflowError.
    """
    column = ordered.type
    wanted = column.python_type
    if wanted is datetime:
        return in_utc(datetime.fromisoformat(value))
    if wanted is float and type(value) in {int, float}:
        return float(value)
    if type(value) is not wanted or (wanted is str and not is_storable(value)):
        raise ValueError
    return (
        _integer(value, _BIGINT_BITS if isinstance(column, BigInteger) else _INTEGER_BITS)
        if wanted is int
        else value
    )


def _integer(value: int, bits: int) -> int:
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page in the list's order, and whether more rows follow.

    Each row contains the values of its cursor.
    """

    arguments: PageArguments
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)
    has_more: bool = False

    @classmethod
    def from_rows(cls, arguments: PageArguments, fetched: Sequence[Mapping[str, Any]]) -> "Page":
        """Make a page of the rows as fetched.

        They are in reverse for a backward page, and one more than the page if more rows follow.
        """
        rows = fetched[: arguments.size]
        return cls(
            arguments, rows[::-1] if arguments.backward else rows, len(fetched) > arguments.size
        )

    def cursor(self, row: Mapping[str, Any]) -> str:
        return encode_cursor(
            self.arguments.ordering, Mark(row[CURSOR_VALUE], row[CURSOR_ID], row.get(CURSOR_TIE))
        )


Node = TypeVar("Node")


@strawberry.type(description="Cursors of a page, and whether there are more pages.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether entries follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether entries precede this page.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first entry. Null if the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last entry. Null if the page is empty."
    )


@strawberry.type(description="An entry of a list, with its cursor.")
class Edge(Generic[Node]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="Opaque. Pass it as `after` or `before`.")
    node: Node = strawberry.field(description="The entry itself.")


def page_info(page: Page) -> PageInfo:
    """Make the page's PageInfo.

    A passed cursor counts as proof that entries exist on its other side.
    """
    arguments = page.arguments
    behind, ahead = arguments.before is not None, arguments.after is not None
    return PageInfo(
        has_next_page=behind if arguments.backward else page.has_more,
        has_previous_page=page.has_more if arguments.backward else ahead,
        start_cursor=page.cursor(page.rows[0]) if page.rows else None,
        end_cursor=page.cursor(page.rows[-1]) if page.rows else None,
    )
