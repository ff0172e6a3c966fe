"""Objects by global id."""

from functools import cache
from typing import Any

from graph.context import Info
from graph.errors import InvalidId
from graph.ids import decode_id, decode_id_of
from graph.relation import NO_ARGUMENTS, Lookup, rows_by
from graph.row_type import ROW_TYPES
from graph.types.node import Node


async def load_node(info: Info, global_id: str, field: str) -> Any:
    """Load the object of a global id of any type; None where it is absent or not visible. Raises InvalidId."""
    type_name, number = decode_id(global_id, field)
    row_type = ROW_TYPES.get(type_name)
    if row_type is None or not issubclass(row_type.cls, Node):
        raise InvalidId(field, "any object")
    return await info.context.loaders.lookup(_by_id(type_name), NO_ARGUMENTS, number)


async def load_node_of(info: Info, type_name: str, global_id: str, field: str) -> Any:
    """Load the object of a global id of one type; None where it is absent or not visible. Raises InvalidId."""
    number = decode_id_of(type_name, global_id, field)
    return await info.context.loaders.lookup(_by_id(type_name), NO_ARGUMENTS, number)


@cache
def _by_id(type_name: str) -> Lookup:
    model: Any = ROW_TYPES[type_name].model
    return Lookup(type_name, None, rows_by(model, model.id))
