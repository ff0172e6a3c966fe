"""The old service's tables, as the catalogue shows them: which there are, their columns, and how they are walked."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sqlalchemy import Connection, text

from db.models import Base
from legacy.adoption.bookkeeping import BOOKS

__all__ = ["OldTable", "Row", "by_kind", "old_tables", "quoted"]

_NAMES = {
    "athlete": ("athlete", "athletes"),
    "activity": ("activity", "activities"),
    "best_effort": ("best_effort", "best_efforts"),
    "personal_best": ("personal_best", "personal_bests"),
    "feedback": ("feedback", "feedbacks", "user_feedback"),
}
"""What a table is, by the names it may have. All others are kept as they are."""

_SHORT_NUMBER = 18  # digits; a longer one need not be exact, and Python refuses to read very long ones

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
    """One row of an old table. `values` is its JSON as PostgreSQL writes it, None where that cannot be read."""

    old_id: str
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class OldTable:
    """A table. `kind` is None for one that pacegraph has no table for; `key` is None without a primary key of one
    column: then its rows cannot be walked.
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
        found: int = connection.execute(text(f"SELECT count(*) FROM {self.sql}")).scalar_one()  # noqa: S608
        return found

    def after(self, connection: Connection, after_key: str | None, limit: int) -> list[Row]:
        """Rows behind `after_key` in the order of keys; None: from the first."""
        condition = "" if after_key is None else f"WHERE {self._key_sql} > CAST(:after_key AS {self._key_type})"
        return self._rows(
            connection,
            f"{condition} ORDER BY {self._key_sql} LIMIT :row_limit",
            {"row_limit": limit, **({} if after_key is None else {"after_key": after_key})},
        )

    def of(self, connection: Connection, old_ids: Sequence[str]) -> list[Row]:
        """Rows of `old_ids`, those that there are."""
        return self._rows(
            connection, f"WHERE {self._key_sql} = ANY(CAST(:old_ids AS {self._key_type}[]))", {"old_ids": list(old_ids)}
        )

    def belonging_to(self, connection: Connection, column: str, values: Sequence[str]) -> Iterator[Row]:
        """Rows whose `column` has one of `values`, in the order of keys."""
        condition = f"WHERE t.{quoted(column)} = ANY(CAST(:column_values AS {self.types[column]}[]))"
        yield from self._rows(connection, f"{condition} ORDER BY {self._key_sql}", {"column_values": list(values)})

    def all(self, connection: Connection, at_once: int) -> Iterator[list[Row]]:
        """Every row, `at_once` at a time."""
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
        # JSON, for it can tell what Python has no value for: 'infinity', NaN, years beyond 9999. Not jsonb, which has
        # no place for what a column of type json may have, as \\u0000.
        statement = text(f"SELECT {self._key_sql}::text, to_json(t)::text FROM {self.sql} t {rest}")  # noqa: S608
        return [Row(old_id, _read(row)) for old_id, row in connection.execute(statement, parameters)]


def old_tables(connection: Connection) -> list[OldTable]:
    """The old service's tables, those of schema `legacy` first; pacegraph's own are none of them."""
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
    """Write a name as SQL, fit for `text()`."""
    return '"' + name.replace('"', '""').replace(":", "\\:") + '"'


def by_kind(tables: Iterable[OldTable]) -> dict[str, OldTable]:
    """Tables that can be walked, by what they are."""
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
