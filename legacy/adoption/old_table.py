"""The older service's tables, read from PostgreSQL's catalog, and how their rows are walked."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sqlalchemy import Connection, text

from db.models import Base
from legacy.adoption.ledger import BOOKS

_NAMES = {
    "athlete": ("athlete", "athletes"),
    "activity": ("activity", "activities"),
    "best_effort": ("best_effort", "best_efforts"),
    "personal_best": ("personal_best", "personal_bests"),
    "feedback": ("feedback", "feedbacks", "user_feedback"),
}
"""Table names by kind. Tables with other names are not adopted."""

# Digits. Longer numbers need not be exact, and Python refuses to parse very long ones.
_SHORT_NUMBER = 18

_CATALOGUE = text(
    r"""
    SELECT n.nspname AS schema, c.relname AS name,
           array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types,
           (SELECT array_agg(k.attname::text) FROM pg_index i
            JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY(i.indkey)
            WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
           (SELECT coalesce(array_agg(DISTINCT k.attname::text), '{}') FROM pg_index i
            JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
            WHERE i.indrelid = c.oid AND i.indpred IS NULL) AS indexed
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND (n.nspname = 'legacy' AND NOT c.relname = ANY(:books)
         OR n.nspname = 'public' AND NOT c.relname = ANY(:ours))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    GROUP BY c.oid, n.nspname, c.relname ORDER BY n.nspname = 'public', c.relname
    """
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an old table. `values` is its JSON from PostgreSQL, None if it is unreadable."""

    old_id: str
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class OldTable:
    """A table of the older service.

    `kind` is None if pacegraph has no such table. `key` is None without a primary key of one
    column; the rows of such a table cannot be walked.
    """

    schema: str
    name: str
    kind: str | None
    types: Mapping[str, str]
    key: str | None
    indexed: frozenset[str]

    @property
    def sql(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    def count(self, connection: Connection) -> int:
        found: int = connection.execute(text(f"SELECT count(*) FROM {self.sql}")).scalar_one()
        return found

    def after(self, connection: Connection, after_key: str | None, limit: int) -> list[Row]:
        """Read rows after `after_key` in key order; None starts at the first row."""
        condition = (
            ""
            if after_key is None
            else f"WHERE {self._key_sql} > CAST(:after_key AS {self._key_type})"
        )
        return self._rows(
            connection,
            f"{condition} ORDER BY {self._key_sql} LIMIT :row_limit",
            {"row_limit": limit, **({} if after_key is None else {"after_key": after_key})},
        )

    def of(self, connection: Connection, old_ids: Sequence[str]) -> list[Row]:
        """Read the existing rows of `old_ids`."""
        return self._rows(
            connection,
            f"WHERE {self._key_sql} = ANY(CAST(:old_ids AS {self._key_type}[]))",
            {"old_ids": list(old_ids)},
        )

    def belonging_to(
        self, connection: Connection, column: str, values: Sequence[str]
    ) -> Iterator[Row]:
        """Read rows with one of `values` in `column`, in key order."""
        condition = (
            f"WHERE t.{quoted(column)} = ANY(CAST(:column_values AS {self.types[column]}[]))"
        )
        yield from self._rows(
            connection, f"{condition} ORDER BY {self._key_sql}", {"column_values": list(values)}
        )

    def all(self, connection: Connection, at_once: int) -> Iterator[list[Row]]:
        """Read every row, `at_once` at a time."""
        after_key = None
        while rows := self.after(connection, after_key, at_once):
            yield rows
            after_key = rows[-1].old_id

    @property
    def _key_sql(self) -> str:
        assert self.key is not None
        return f"t.{quoted(self.key)}"

    @property
    def _key_type(self) -> str:
        assert self.key is not None
        return self.types[self.key]

    def _rows(self, connection: Connection, rest: str, parameters: dict[str, Any]) -> list[Row]:
        # JSON carries values that Python lacks: 'infinity', NaN, years beyond 9999. Not jsonb: it
        # refuses values that a json column may hold, such as \\u0000.
        statement = text(f"SELECT {self._key_sql}::text, to_json(t)::text FROM {self.sql} t {rest}")
        return [
            Row(old_id, _read(row)) for old_id, row in connection.execute(statement, parameters)
        ]


def old_tables(connection: Connection) -> list[OldTable]:
    """Find the older service's tables, those of schema `legacy` first."""
    ours = [*Base.metadata.tables, "alembic_version"]
    found = connection.execute(_CATALOGUE, {"ours": ours, "books": list(BOOKS)}).all()
    kinds = {name: kind for kind, names in _NAMES.items() for name in names}
    taken: set[str] = set()
    tables = []
    for row in found:
        kind = kinds.get(row.name)
        if kind in taken:
            kind = None
        key = row.key[0] if row.key and len(row.key) == 1 else None
        if kind and key:
            taken.add(kind)
        types = dict(zip(row.columns, row.types, strict=True))
        tables.append(OldTable(row.schema, row.name, kind, types, key, frozenset(row.indexed)))
    return tables


def quoted(name: str) -> str:
    """Quote a name as SQL for `text()`."""
    return '"' + name.replace('"', '""').replace(":", "\\:") + '"'


def by_kind(tables: Iterable[OldTable]) -> dict[str, OldTable]:
    """Pick the tables that can be walked, by kind."""
    return {table.kind: table for table in tables if table.kind and table.key}


def _read(row: str) -> dict[str, Any] | None:
    try:
        values: dict[str, Any] = json.loads(row, parse_int=_whole_number, parse_float=_number)
    except (ValueError, RecursionError):
        return None
    return values


def _whole_number(digits: str) -> float | str:
    return int(digits) if len(digits) <= _SHORT_NUMBER + 1 else _number(digits)


def _number(digits: str) -> float | str:
    number = float(digits)
    return number if isfinite(number) else digits
