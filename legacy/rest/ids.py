"""Translates the callers' ids (UUIDs, numbers, GraphQL ids) to GraphQL ids and back.

UUIDs of the older service are in the table `legacy.ids`, which exists if a database was adopted;
`uuids.py` makes UUIDs for newer objects.
"""

import re
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any
from uuid import UUID

import orjson

from db.session import AsyncDatabase
from graph.errors import InvalidId
from graph.global_id import decode_id, decode_id_of, encode_id
from legacy.rest.uuids import number_in

KINDS = {"Athlete": "athlete", "Activity": "activity"}
"""Kinds in the table, by the GraphQL type of objects that may be adopted."""

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_MAX_NUMBER = 2**63 - 1
_NOTHING = _MAX_NUMBER
"""The number of no object."""
_UNDEFINED_TABLE = "42P01"
_LOOK_AGAIN_S = 5.0

_HAS_TABLE = "SELECT to_regclass('legacy.ids') IS NOT NULL"
_NEW = "SELECT new_id FROM legacy.ids WHERE kind = $1 AND old_id = $2"
# Several old objects may have become one, which always answers with the same of their ids.
_OLD = (
    "SELECT json_object_agg(new_id, old_id)::text "
    "FROM (SELECT new_id, min(old_id) AS old_id FROM legacy.ids "
    "WHERE kind = $1 AND new_id = ANY($2::bigint[]) GROUP BY new_id) AS found"
)


class OldIds:
    """Translates between the callers' ids and GraphQL ids."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._has_table = False
        self._looked_at = float("-inf")

    async def global_id(self, type_name: str, given: str, field: str) -> str:
        """Translate an id to a GraphQL id. Raises InvalidId.

        An unknown UUID becomes the id of no object, so the operation answers as for an object that
        the caller may not see.
        """
        if _NUMBER.fullmatch(given) and int(given) <= _MAX_NUMBER:
            return encode_id(type_name, int(given))
        if not _UUID.fullmatch(given):
            try:
                decode_id_of(type_name, given, field)
            except InvalidId:
                raise InvalidId(field, f"{type_name.lower()}s here") from None
            return given
        found = number_in(given, type_name)
        if found is None and (kind := KINDS.get(type_name)):
            found = await self._row(_NEW, kind, str(UUID(given)))
        return encode_id(type_name, _NOTHING if found is None else found)

    async def old_ids(self, data: Any) -> dict[str, str]:
        """Find the old ids of the objects in an operation's data, by their GraphQL ids."""
        if not await self._table_is_there():
            return {}
        numbers: dict[str, set[int]] = {}
        for type_name, number in _ids_in(data):
            numbers.setdefault(type_name, set()).add(number)
        found: dict[str, str] = {}
        for type_name, wanted in numbers.items():
            text = await self._row(_OLD, KINDS[type_name], sorted(wanted))
            pairs = orjson.loads(text) if text else {}
            found |= {encode_id(type_name, int(number)): old for number, old in pairs.items()}
        return found

    async def _row(self, statement: str, *parameters: Any) -> Any:
        """Run a statement. Returns its first value; None without a row or table."""
        if not await self._table_is_there():
            return None
        try:
            row = await self._database.fetch_row(statement, parameters)
        except Exception as error:
            if getattr(error, "sqlstate", None) != _UNDEFINED_TABLE:
                raise
            self._has_table = False  # the migration has ended
            return None
        return row[0] if row is not None else None

    async def _table_is_there(self) -> bool:
        now = monotonic()
        if not self._has_table and now - self._looked_at > _LOOK_AGAIN_S:
            self._looked_at = now
            self._has_table = (await self._database.fetch_row(_HAS_TABLE, ()))[0]
        return self._has_table


def _ids_in(data: Any) -> Iterator[tuple[str, int]]:
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("id"), str):
                type_name, number = decode_id(value["id"], "id")
                if type_name in KINDS:
                    yield type_name, number
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
