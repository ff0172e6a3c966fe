"""Objects by global id.

Ids of versions before 0.3 contain the number of a row, which told how many rows others hid. Such an
id finds an object that belongs to the caller, as before. For all others it is the id of nothing:
if it found what others share, trying all numbers would tell each shared row's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import false, true

from db.models import OldId
from db.models.base import FIRST_RANDOM_ID
from db.models.old_id import RENUMBERED
from db.statements.visibility import ConditionByOwner
from graph.context import Context
from graph.errors import InvalidId, OutOfRange
from graph.global_id import decode_id, decode_id_of
from graph.mapping.relation import NO_ARGUMENTS, Lookup, rows_by
from graph.mapping.row_type import ROW_TYPES
from graph.types.node import Node

_MAX_IDS = 100


def decode_node_ids(ids: Sequence[str]) -> list[tuple[str, int]]:
    """Split the global ids of the argument `ids`. Raises OutOfRange, InvalidId."""
    check_count(ids)
    return [decode_node_id(each, "ids") for each in ids]


def check_count(ids: Sequence[str]) -> None:
    """Check how many `ids` there are. Raises OutOfRange."""
    if len(ids) > _MAX_IDS:
        raise OutOfRange("ids", 0, _MAX_IDS, "entries long")


def decode_node_id(global_id: str, field: str) -> tuple[str, int]:
    """Split a global id of any type into type name and number. Raises InvalidId."""
    type_name, number = decode_id(global_id, field)
    row_type = ROW_TYPES.get(type_name)
    if row_type is None or not issubclass(row_type.cls, Node):
        raise InvalidId(field, "any object")
    return type_name, number


async def load_node(context: Context, global_id: str, field: str) -> Any:
    """Load an object of any type by global id; None if absent or not visible. Raises InvalidId."""
    return await _load(context, *decode_node_id(global_id, field))


async def load_node_of(context: Context, type_name: str, global_id: str, field: str) -> Any:
    """Load an object of one type by global id; None if absent or not visible. Raises InvalidId."""
    return await _load(context, type_name, decode_id_of(type_name, global_id, field))


async def find_row_id(context: Context, type_name: str, global_id: str, field: str) -> int | None:
    """Get the row's id from a global id of one type; None if it is an old id of nothing.

    Raises InvalidId.
    """
    number = decode_id_of(type_name, global_id, field)
    if not is_old_id(type_name, number):
        return number
    found = await _load(context, type_name, number)
    return None if found is None else decode_id_of(type_name, found.id, field)


async def _load(context: Context, type_name: str, number: int) -> Any:
    rows = rows_of_old_ids if is_old_id(type_name, number) else rows_of_type
    return await context.loaders.lookup(rows(type_name), NO_ARGUMENTS, number)


def is_old_id(type_name: str, number: int) -> bool:
    """Tell whether a global id is of a version before 0.3, which numbered the rows."""
    return number < FIRST_RANDOM_ID and ROW_TYPES[type_name].model in RENUMBERED


@cache
def rows_of_type(type_name: str) -> Lookup:
    """Make the lookup of a type's rows by number."""
    model: Any = ROW_TYPES[type_name].model
    return Lookup(type_name, None, rows_by(model, model.id))


@cache
def rows_of_old_ids(type_name: str) -> Lookup:
    """Make the lookup of the caller's own rows of a type by old id; of all rows, for admins."""
    model: Any = ROW_TYPES[type_name].model
    is_own = ConditionByOwner(model, true(), false())
    return Lookup(type_name, None, rows_by(model, OldId.old_id, always=[is_own]))
