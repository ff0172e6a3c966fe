"""Types with rows as objects: each field is declared once, as a column or as a relation.

`@row_type(model)` makes a Strawberry type of a class with fields declared by

- `column(expression)`: the value of a SQL expression over the model's row;
- `embedded(Type)`: an object made of columns of the same row;
- `lookup`, `connection` (`graph/mapping/relation.py`): rows of another type, through a loader.

The Strawberry field carries its declaration (`source_of`). Strawberry's default resolver reads the
attribute that `RowType.hydrate` set; the planner reads the declaration itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, TypeVar

import strawberry
from sqlalchemy import Double
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from db.models import Base
from db.statements.page import COPIES, Columns
from db.statements.visibility import Audience, Expression, or_to_others, owner_only
from graph.cost.directives import Cost, ListSize
from graph.global_id import encode_id
from graph.scalars import decimals_of, rounded

Value = Expression | Callable[[], Expression]
"""An expression, or a function that makes it when it is first needed."""

_SOURCE = "pacegraph.source"
_ARGUMENTS = "pacegraph.arguments"
_PRESENT = "__present"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Column:
    """A field's value as SQL. `convert` turns the driver's value into the field's; None stays None.

    Callers other than the athlete and admins get null with `owner_only`, and the value `to_others`
    if that is given, for values derived from rows they do not see. With `id_of` the value is the
    global id of that type. `apart` is the relation that reads it where it is selected; None: it is
    read with the row, selected or not. `is_long`: its text may have many kilobytes.
    """

    expression: Value
    convert: Callable[[Any], Any] | None = None
    owner_only: bool = False
    id_of: str | None = None
    to_others: Value | None = None
    apart: Any = None
    is_long: bool = False

    @cached_property
    def made(self) -> Expression:
        """The expression, made when it is first needed."""
        found: Expression = _made(self.expression)
        return found

    @lru_cache(maxsize=1024)  # noqa: B019 - declarations live as long as the process
    def select(self, model: type[Base], audience: Audience) -> Expression:
        """Make the expression that statements for an audience select."""
        expression = COPIES.get((model, self.made), self.made)
        if self.to_others is not None:
            return or_to_others(model, expression, _made(self.to_others), audience)
        return owner_only(model, expression, audience) if self.owner_only else expression


@dataclass(frozen=True, eq=False)
class Embedded:
    """An object made of columns of the same row. It is null if the column `present` is."""

    type: type
    present: Column | None = None


def field(
    source: Any,
    description: str,
    *,
    list_size: ListSize | None = None,
    cost: Cost | None = None,
    read_arguments: Callable[..., Any] | None = None,
    **options: Any,
) -> Any:
    """Make a Strawberry field that carries its declaration.

    `list_size` declares how many entries its cost assumes, `cost` what it costs itself.
    `read_arguments` turns the field's arguments into the source's.
    """
    metadata = {_SOURCE: source, _ARGUMENTS: read_arguments}
    directives = [each for each in (cost, list_size) if each is not None]
    return strawberry.field(
        description=description, metadata=metadata, directives=directives, **options
    )


def column(
    expression: Value,
    description: str,
    *,
    convert: Callable[[Any], Any] | None = None,
    owner_only: bool = False,
    to_others: Value | None = None,
    is_long: bool = False,
) -> Any:
    """Declare a field with the value of `expression`.

    Callers other than the athlete and admins get the value `to_others`, if it is given. `is_long`:
    the text may have many kilobytes.
    """
    source = Column(expression, convert, owner_only, to_others=to_others, is_long=is_long)
    return field(source, description)


def embedded(
    type_: type,
    description: str,
    *,
    present: Expression | None = None,
    present_to_others: Value | None = None,
) -> Any:
    """Declare an object made of columns of the same row. It is null if `present` is null."""
    is_present = None if present is None else Column(present, to_others=present_to_others)
    return field(Embedded(type_, is_present), description)


def node_id(
    model: type[Base],
    type_name: str,
    description: str = "Global id. Opaque: it tells neither age nor number of objects.",
) -> Any:
    """Declare the global id that `type_name` has with the row's id."""
    key = model.id  # type: ignore[attr-defined]
    source = Column(key, lambda number: encode_id(type_name, number), id_of=type_name)
    return field(source, description)


def source_of(declared: StrawberryField) -> Any:
    """Get the declaration of a field. None: it has a resolver of its own."""
    return declared.metadata.get(_SOURCE)


def arguments_reader_of(declared: StrawberryField) -> Callable[..., Any] | None:
    """Get the function that reads a field's arguments. None: its source takes none."""
    reader: Callable[..., Any] | None = declared.metadata.get(_ARGUMENTS)
    return reader


class RowType:
    """How to select the rows of one type and make its objects, as its fields declare."""

    def __init__(self, cls: type, model: type[Base]) -> None:
        self.cls = cls
        self.model = model

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns by label: a field's Python name, or `field__subfield` in an embedded object."""
        return dict(_columns(self.cls))

    def keys(self, audience: Audience) -> dict[str, Expression]:
        """Get the columns that relations start from, by label."""
        return {
            relation.key_label: relation.select_key(self.model, audience)
            for relation in _relations(self.cls)
        }

    @lru_cache(maxsize=8)  # noqa: B019 - a handful of row types live as long as the process
    def selection(self, audience: Audience) -> Columns:
        """Get all that an object needs: every column, and the keys of every relation."""
        columns = {label: each.select(self.model, audience) for label, each in self.columns.items()}
        return {**columns, **self.keys(audience)}

    @cached_property
    def decimals(self) -> dict[str, int]:
        """How many decimals the columns of doubles have, by label."""
        return {
            label: decimals_of(label.rpartition("__")[2])
            for label, each in self.columns.items()
            if isinstance(each.made.type, Double)
        }

    def hydrate(self, row: Mapping[str, Any]) -> Any:
        """Make the object of a row that has all of `selection`. Doubles are rounded."""
        values = dict(row)
        for label, decimals in self.decimals.items():
            if values[label] is not None:
                values[label] = rounded(values[label], decimals)
        for label, each in self.columns.items():
            if each.convert is not None and values[label] is not None:
                values[label] = each.convert(values[label])
        for declared in _fields(self.cls):
            source = source_of(declared)
            if isinstance(source, Embedded):
                values[declared.python_name] = _embed(source, declared.python_name, values)
        return make(self.cls, values)


def make(cls: type[T], values: Mapping[str, Any]) -> T:
    """Make an object with these attributes, without its constructor: relations have no value."""
    made = object.__new__(cls)
    made.__dict__.update(values)
    return made


ROW_TYPES: dict[str, RowType] = {}
"""Row types by GraphQL name."""


def row_type(model: type[Base], description: str) -> Callable[[type[T]], type[T]]:
    """Make a class a Strawberry type over the rows of `model`, and register it by name."""

    def decorate(cls: type[T]) -> type[T]:
        made = strawberry.type(cls, description=description)
        ROW_TYPES[cls.__name__] = RowType(made, model)
        return made

    return decorate


def _made(value: Value) -> Any:
    return value() if callable(value) else value


def _fields(cls: type) -> list[StrawberryField]:
    return get_object_definition(cls, strict=True).fields


def _columns(cls: type, prefix: str = "") -> list[tuple[str, Column]]:
    found: list[tuple[str, Column]] = []
    for declared in _fields(cls):
        source, label = source_of(declared), prefix + declared.python_name
        if isinstance(source, Column):
            if source.apart is None:
                found.append((label, source))
        elif isinstance(source, Embedded):
            found += _columns(source.type, label + "__")
            if source.present is not None:
                found.append((label + _PRESENT, source.present))
    return found


def _relations(cls: type) -> Iterator[Any]:
    """The relations that start from a row of the type, or from objects made of its columns."""
    for declared in _fields(cls):
        source = source_of(declared)
        if isinstance(source, Embedded):
            yield from _relations(source.type)
        relation = source.apart if isinstance(source, Column) else source
        if hasattr(relation, "key_label") and relation.key is not None:
            yield relation


def _embed(source: Embedded, name: str, values: dict[str, Any]) -> Any:
    if source.present is not None and values[name + _PRESENT] is None:
        return None
    prefix = name + "__"
    own = {
        label.removeprefix(prefix): value
        for label, value in values.items()
        if label.startswith(prefix)
    }
    return make(source.type, {**own, **{each: values[each] for each in _key_labels(source.type)}})


@cache
def _key_labels(cls: type) -> frozenset[str]:
    return frozenset(each.key_label for each in _relations(cls))
