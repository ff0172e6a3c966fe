"""Objects by global id."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from graph.context import Info
from graph.errors import InvalidId, OutOfRange
from graph.ids import decode_id, decode_id_of
from graph.relation import NO_ARGUMENTS, Lookup, rows_by
from graph.row_type import ROW_TYPES
from graph.types.node import Node

_MAX_IDS = 100


def check_ids(ids: Sequence[str]) -> None:
    """Check the argument `ids`. Raises OutOfRange, InvalidId."""
    if len(ids) > _MAX_IDS:
        raise OutOfRange("ids", 0, _MAX_IDS, "entries long")
    for each in ids:
        decode_node_id(each, "ids")


def decode_node_id(global_id: str, field: str) -> tuple[str, int]:
    """Split the global id of any type of node into type name and number. Raises InvalidId."""
    type_name, number = decode_id(global_id, field)
    row_type = ROW_TYPES.get(type_name)
    if row_type is None or not issubclass(row_type.cls, Node):
        raise InvalidId(field, "any object")
    return type_name, number


async def load_node(info: Info, global_id: str, field: str) -> Any:
    """Load the object of a global id of any type; None where it is absent or not visible. Raises InvalidId."""
    type_name, number = decode_node_id(global_id, field)
    return await info.context.loaders.lookup(rows_of_type(type_name), NO_ARGUMENTS, number)


async def load_node_of(info: Info, type_name: str, global_id: str, field: str) -> Any:
    """Load the object of a global id of one type; None where it is absent or not visible. Raises InvalidId."""
    number = decode_id_of(type_name, global_id, field)
    return await info.context.loaders.lookup(rows_of_type(type_name), NO_ARGUMENTS, number)


@cache
def rows_of_type(type_name: str) -> Lookup:
    """Declare how rows of a type are found by their numbers."""
    model: Any = ROW_TYPES[type_name].model
    return Lookup(type_name, None, rows_by(model, model.id))
