# ruff: noqa: S608 - this module builds SQL text; callers' values are always parameters
"""The statement of a whole query, of root fields that `db/statements/json_sql.py` wrote.

It returns one row. Long lists are columns of their own, and the reader puts the JSON together: to
join a list with what is around it in PostgreSQL copies it several times, which took a third of a
statement of 1,000 rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from db.statements.json_sql import Literal, Part, Sql, Value, joined, some

_MOST_COLUMNS = 90  # of one root field
_MOST_OF_ALL = 1000  # of a statement, until a root field has one only; PostgreSQL takes 1,664
_TOOK = "clock_timestamp()-now()"
"""Without explicit transaction, now() is the time at which planning began."""
_TOOK_IN_TRANSACTION = "clock_timestamp()-statement_timestamp()"
"""Without planning: no function tells when that began."""
_NAMED = re.compile("«([^»]+)»")
_NUMBERED = re.compile(r"\$(\d+)(?:::(\w+)(?![\w\[]))?")
"""A parameter and its type, which is missing where it is an array."""
_ID = "BIGINT"
_LONGEST_OF_MANY = 15_000
"""Characters of a statement that connections keep: asyncpg keeps longer ones of nobody."""
TOO_LARGE = "\x07"
"""The first text of a bounded statement whose texts are too long; it is not JSON."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a finished statement.

    `level` is the level that has it, None for the viewer.
    """

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

    `roots` has the pieces of each root field's JSON: text, or the number of a column. Where its
    texts have more than `most_bytes`, the first is TOO_LARGE, and the others are null. None: no
    bound.
    """

    text: str
    parameters: tuple[Parameter, ...]
    roots: tuple[tuple[str | int, ...], ...]
    most_bytes: int | None = None

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


@dataclass(frozen=True, slots=True)
class StatementOfMany:
    """Runs a statement for several sets of values at once, which costs less than one after the other.

    It returns a row for each set: the statement's, and the set's number from 1. Parameters at
    `arrays` are ids, of each set one; the others have one value for all.
    """

    text: str
    arrays: frozenset[int]

    def values(self, sets: Sequence[Sequence[Any]]) -> list[Any] | None:
        """Get the values of its parameters. None: the sets differ in more than ids."""
        first, *others = sets
        found: list[Any] = []
        for place, value in enumerate(first):
            if place in self.arrays:
                found.append([each[place] for each in sets])
            elif all(each[place] == value for each in others):
                found.append(value)
            else:
                return None
        return found


def of_many(statement: Statement) -> StatementOfMany | None:
    """Write the statement that runs another for several sets of values. None: they differ by no id.

    Only ids differ: by a time, a text or a limit PostgreSQL may choose how it finds the rows, and
    here it sees no value. It sees no number of sets either, which it would plan for each time. Behind
    OFFSET 0 it plans the statement as it does for one set.
    """
    if any("$" in literal for literal in statement.text.split("'")[1::2]):
        return None  # it may look like a parameter
    types: dict[int, set[str | None]] = {}
    for number, type_name in _NUMBERED.findall(statement.text):
        types.setdefault(int(number), set()).add(type_name.upper() or None)
    arrays = [
        number
        for number, parameter in enumerate(statement.parameters, 1)
        if parameter.level is not None and types.get(number) == {_ID}
    ]
    if not arrays:
        return None

    def of_set(match: re.Match[str]) -> str:
        return f"of_set.v{match[1]}::{_ID}" if int(match[1]) in arrays else match[0]

    given = ",".join([f"(SELECT ${number}::{_ID}[])" for number in arrays])
    names = ",".join([f"v{number}" for number in arrays])
    text = (
        f"SELECT run.*,of_set.number FROM unnest({given}) WITH ORDINALITY of_set({names},number),"
        f"LATERAL ({_NUMBERED.sub(of_set, statement.text)} OFFSET 0) run"
    )
    if len(text) > _LONGEST_OF_MANY:
        return None
    return StatementOfMany(text, frozenset([number - 1 for number in arrays]))


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


def finish(roots: Sequence[RootColumns], most_bytes: int | None = None) -> Statement:
    """Make the statement that returns one row: texts, and the time that writing them took.

    With `most_bytes` it returns no more than so many bytes.
    """
    found: dict[str, int] = {}
    columns: list[Sql] = []

    def numbered_parameter(match: re.Match[str]) -> str:
        return f"${found.setdefault(match[1], len(found) + 1)}"

    pieces = tuple(_pieces(root.parts, columns) for root in roots)
    sources = [root.source for root in roots if root.source is not None]
    tables = f"{' FROM ' if sources else ''}{','.join(sources)}"
    if most_bytes is None or not columns:
        written = f"SELECT {','.join([*columns, _TOOK])}{tables}"
    else:
        written = _bounded(columns, tables, most_bytes)
    text = _NAMED.sub(numbered_parameter, written)
    return Statement(text, tuple(_parameter(name) for name in found), pieces, most_bytes)


def _bounded(columns: Sequence[Sql], tables: Sql, most_bytes: int) -> Sql:
    """Write a statement whose texts stay in PostgreSQL where they are too long.

    OFFSET 0 keeps the planner from writing, and so computing, a text several times.
    """
    names = [f"c{number}" for number in range(len(columns))]
    texts = ",".join([f"{column} AS {name}" for column, name in zip(columns, names, strict=True)])
    texts = f"SELECT {texts},{_TOOK} AS took{tables} OFFSET 0"
    size = "+".join([f"coalesce(octet_length({name}),0)" for name in names])
    sized = f"SELECT *,{size} AS size FROM ({texts}) texts OFFSET 0"
    first, *others = [f"CASE WHEN size<={most_bytes} THEN {name}" for name in names]
    chosen = [f"{first} ELSE '{TOO_LARGE}' END", *(f"{each} END" for each in others), "took"]
    return f"SELECT {','.join(chosen)} FROM ({sized}) sized"


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
