# ruff: noqa: S608 - this module builds SQL text; callers' values are always parameters
"""The statement of a whole query, of root fields that `db/statements/json_sql.py` wrote.

It returns one row. Long lists are columns of their own, and the reader puts the JSON together: to
join a list with what is around it in PostgreSQL copies it several times, which took a third of a
statement of 1,000 rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from db.statements.json_sql import Literal, Part, Sql, Value, joined, some

_MOST_COLUMNS = 90  # of one root field
_MOST_OF_ALL = 1000  # of a statement, until a root field has one only; PostgreSQL takes 1,664
_TOOK = "clock_timestamp()-now()"
"""Without explicit transaction, now() is the time at which planning began."""
_TOOK_IN_TRANSACTION = "clock_timestamp()-statement_timestamp()"
"""Without planning: no function tells when that began."""
_NAMED = re.compile("«([^»]+)»")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a finished statement. `level` is the level that has it, None for the viewer."""

    level: int | None
    name: str


@dataclass(frozen=True, slots=True)
class RootColumns:
    """What a root field is read from: its parts, and the derived table that values refer to."""

    parts: Sequence[Part]
    source: Sql | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A finished statement: `text` with $1 for the first of `parameters`, and so on.

    `roots` has the pieces of each root field's JSON: text, or the number of a column.
    """

    text: str
    parameters: tuple[Parameter, ...]
    roots: tuple[tuple[str | int, ...], ...]

    @property
    def text_in_transaction(self) -> str:
        """The text for a transaction of several statements, with the time that this one takes."""
        return self.text.replace(_TOOK, _TOOK_IN_TRANSACTION)

    def json_of(self, row: Sequence[str | None]) -> list[str]:
        """Write the JSON of each root field. A null is the empty text, as `concat` takes it."""
        return [
            "".join([each if isinstance(each, str) else row[each] or "" for each in pieces])
            for pieces in self.roots
        ]


def spread(rows: Sql, alias: str, parts: Sequence[Part]) -> RootColumns:
    """Write what is aggregated over the rows of a root level, each value as a column."""
    columns: list[Sql] = []
    table = f"{alias}_values"
    spread_parts: list[Part] = []
    for part in parts:
        if isinstance(part, Literal):
            spread_parts.append(part)
            continue
        assert isinstance(part, Value)
        spread_parts.append(Value(f"{table}.v{len(columns)}"))
        columns.append(f"{part.sql} AS v{len(columns)}")
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return RootColumns([some(rows, alias, parts)])
    source = f"(SELECT {','.join(columns)} FROM ({rows}) {alias}) {table}"
    return RootColumns(spread_parts, source)


def finish(roots: Sequence[RootColumns]) -> Statement:
    """Make the statement that returns one row: texts, and the time that writing them took."""
    found: dict[str, int] = {}
    columns: list[Sql] = []

    def numbered_parameter(match: re.Match[str]) -> str:
        return f"${found.setdefault(match[1], len(found) + 1)}"

    pieces = tuple(_pieces(root.parts, columns) for root in roots)
    sources = [root.source for root in roots if root.source is not None]
    columns.append(_TOOK)
    written = f"SELECT {','.join(columns)}{' FROM ' if sources else ''}{','.join(sources)}"
    text = _NAMED.sub(numbered_parameter, written)
    return Statement(text, tuple(_parameter(name) for name in found), pieces)


def explained(statement: Statement) -> str:
    """Write the statement that runs another, and returns its plan and what that took as JSON."""
    return f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.text}"


def _pieces(parts: Sequence[Part], columns: list[Sql]) -> tuple[str | int, ...]:
    """Add a root field's values to the statement's `columns`; returns the pieces of its JSON."""
    own = sum(isinstance(part, Value) for part in parts)
    if own > _MOST_COLUMNS or own + len(columns) > _MOST_OF_ALL:
        parts = [Value(joined(parts))]
    pieces: list[str | int] = []
    for part in parts:
        if isinstance(part, Value):
            pieces.append(len(columns))
            columns.append(f"({part.sql})::text")  # as `concat` writes it
            continue
        assert isinstance(part, Literal)
        if pieces and isinstance(last := pieces[-1], str):
            pieces[-1] = last + part.json
        else:
            pieces.append(part.json)
    return tuple(pieces)


def _parameter(name: str) -> Parameter:
    level, dot, own = name.partition(".")
    return Parameter(int(level), own) if dot else Parameter(None, name)
