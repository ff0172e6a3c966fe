"""Finds out which data a step down of the migrations would drop, without taking it.

The migrations' `downgrade` runs with something in the place of `op` that only records, so that
names from loops and variables are found too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from alembic.script import Script
from sqlalchemy import Connection, Executable, inspect

from db.statements.server import table
from operator_commands.revisions import current_heads, revisions_between

_REBUILT = {"data_changes", "old_ids", "athletes.data_version"}
"""Tables and columns that a migration fills by itself, or empties into others."""
_DROP_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?(\w+)", re.IGNORECASE)
_ALTER_TABLE = re.compile(
    r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)(.*)", re.IGNORECASE | re.DOTALL
)
_DROP_COLUMN = re.compile(r"DROP COLUMN (?:IF EXISTS )?(\w+)", re.IGNORECASE)
_DELETE = re.compile(r"\s*DELETE FROM (\w+)(?: WHERE (.*))?", re.IGNORECASE | re.DOTALL)


class _Nothing:
    """The answer to all that a migration asks the database: nothing is there, and all goes well."""

    def __init__(self, record: Callable[[str], None]) -> None:
        self._record = record

    def __getattr__(self, _name: str) -> "_Nothing":
        return self

    def __call__(self, *arguments: Any, **_options: Any) -> "_Nothing":
        for each in arguments:
            self._record(str(each))
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Recorder(_Nothing):
    """Stands for `alembic.op`, and records what would be dropped."""

    def __init__(self) -> None:
        super().__init__(self._read)
        self.tables: set[str] = set()
        self.columns: set[tuple[str, str]] = set()
        self.deletions: set[tuple[str, str | None]] = set()

    def drop_table(self, name: str, **_options: Any) -> None:
        self.tables.add(name)

    def drop_column(self, table_name: str, name: str, **_options: Any) -> None:
        self.columns.add((table_name, name))

    def f(self, name: str) -> str:
        return name

    def _read(self, sql: str) -> None:
        self.tables.update(_DROP_TABLE.findall(sql))
        if altered := _ALTER_TABLE.search(sql):
            self.columns.update((altered[1], name) for name in _DROP_COLUMN.findall(altered[2]))
        if deleted := _DELETE.match(sql):
            self.deletions.add((deleted[1], deleted[2]))


def data_dropped(connection: Connection, revision: str = "-1") -> dict[str, int]:
    """Count the rows of tables, the values of columns (`table.column`), and the rows deleted.

    Values that a new column would have by default do not count. Raises CommandError for an unknown
    revision.
    """
    recorder = _Recorder()
    for script in revisions_between(current_heads(connection), revision):
        with _in_place_of_op(script, recorder):
            script.module.downgrade()
    counts = {
        name: connection.execute(statement).scalar_one()
        for name, statement in _counts(connection, recorder)
        if name not in _REBUILT
    }
    return {name: count for name, count in counts.items() if count}


@contextmanager
def _in_place_of_op(script: Script, recorder: _Recorder) -> Iterator[None]:
    names = vars(script.module)
    before = names["op"]
    names["op"] = recorder
    try:
        yield
    finally:
        names["op"] = before


def _counts(connection: Connection, recorder: _Recorder) -> Iterator[tuple[str, Executable]]:
    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    for name in sorted(recorder.tables & there):
        yield name, table.count_rows(name)
    altered = there - recorder.tables
    for table_name in sorted({name for name, _ in recorder.columns} & altered):
        for column in inspector.get_columns(table_name):
            if (table_name, column["name"]) in recorder.columns:
                yield (
                    f"{table_name}.{column['name']}",
                    table.count_values(table_name, column["name"], column["default"]),
                )
    for table_name, condition in sorted(recorder.deletions, key=str):
        if table_name in altered:
            name = f"{table_name} WHERE {condition}" if condition else table_name
            yield name, table.count_rows(table_name, condition)
