# ruff: noqa: S608 - SQL is what this module is made of; values of callers are parameters, always
"""Statements whose answer is JSON, written by PostgreSQL: a whole tree of rows in one round trip.

A tree is put together from the leaves up, as text. The rows of a level are a statement that the other modules of this
package built, taken as a derived table under an alias of its own (`r1`, `r2`, …); above it stands one `concat` of
punctuation, values and the subqueries of the levels below, which refer to this level by its alias. Text is joined
rather than `json_build_object` called, which looks up how to write each of its arguments at every call. Values are
written just as orjson and graphql-core would.

Parameters are named while the tree grows, by level, and numbered at the end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from db.statements.page import AnySelect
from db.statements.visibility import VIEWER, VIEWER_ACCOUNT

REFUSED = "\x01"
"""Written where a value that must not be null is: no JSON holds it, so whoever reads the answer sees it at once."""

OF = "«of»"
"""Where the key of a level's parent stands in a template."""

_SHARED = {VIEWER.key, VIEWER_ACCOUNT.key}
_MOST_ARGUMENTS = 90  # PostgreSQL takes at most 100
_PARAMETER = re.compile(r"\$(\d+)")
_NAMED = re.compile("«([^»]+)»")
_DIALECT = asyncpg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

Sql = str
"""SQL text; parameters stand in it as «name»."""


class Form(Enum):
    """How a value is written in JSON."""

    TEXT = auto()
    NAME = auto()  # letters, digits, underscores: nothing to escape
    NUMBER = auto()
    BOOLEAN = auto()
    NUMBER_AS_TEXT = auto()
    INSTANT = auto()
    LOCAL = auto()
    DATE = auto()
    TEXTS = auto()
    NAMES = auto()  # a list of enum values, which are their names in lower case


# SQL around a reference to a value that is not null; what is quoted stands between quotation marks in JSON.
_QUOTED = {
    Form.NAME: "{}",
    Form.NUMBER_AS_TEXT: "{}",
    Form.INSTANT: "replace(({} AT TIME ZONE 'UTC')::text,' ','T')",
    Form.LOCAL: "replace({}::text,' ','T')",
    Form.DATE: "{}",
}
_BARE = {
    Form.TEXT: "to_json({})",
    Form.NUMBER: "{}",  # concat itself writes numbers
    Form.BOOLEAN: "{}::text",
    Form.TEXTS: "to_json({})",
    Form.NAMES: "upper(to_json({})::text)",
}
_ENDINGS = {Form.INSTANT: "Z"}


@dataclass(frozen=True, slots=True)
class Literal:
    """JSON that is known when the statement is built."""

    json: str


@dataclass(frozen=True, slots=True)
class Value:
    """JSON that PostgreSQL computes: an expression of type text, never null."""

    sql: Sql


Part = Literal | Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a finished statement: `level` tells whose it is, None for the viewer's, which all share."""

    level: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A finished statement: `text` with $1 for the first of `parameters`, and so on."""

    text: str
    parameters: tuple[Parameter, ...]


def value(form: Form, reference: Sql, *, nullable: bool) -> list[Part]:
    """Write a column's value; null where it is null."""
    if nullable:
        return [Value(f"coalesce({_as_text(form, reference)},'null')")]
    if form in _BARE:
        return [Value(_BARE[form].format(reference))]
    return [Literal('"'), Value(_QUOTED[form].format(reference)), Literal(_ENDINGS.get(form, "") + '"')]


def global_id(type_name: str, reference: Sql) -> list[Part]:
    """Write a global id, as `graph/ids.py` does."""
    encoded = f"encode(('{type_name}:'||{reference})::bytea,'base64')"
    return [Literal('"'), Value(encoded), Literal('"')]


def cursor(order_name: str, form: Form, reference: Sql, id_reference: Sql) -> list[Part]:
    """Write a cursor, as `graph/pagination.py` does: URL-safe base64 of a JSON array, without padding."""
    text = f"'[\"{order_name}\",'||{_as_text(form, reference)}||','||{id_reference}||']'"
    # PostgreSQL breaks base64 into lines; translate drops what has no counterpart.
    encoded = f"rtrim(translate(encode(convert_to({text},'UTF8'),'base64'),E'+/\\n','-_'),'=')"
    return [Literal('"'), Value(encoded), Literal('"')]


def _as_text(form: Form, reference: Sql) -> Sql:
    """Write a value as one expression of type text, which is null where the value is."""
    if form in _BARE:
        return f"({_BARE[form].format(reference)})::text"
    return f"'\"'||{_QUOTED[form].format(reference)}||'{_ENDINGS.get(form, '')}\"'"


def object_(members: Sequence[tuple[str, Sequence[Part]]]) -> list[Part]:
    """Write an object of named members, in their order."""
    parts: list[Part] = [Literal("{")]
    for number, (name, written) in enumerate(members):
        parts += [Literal(f'{"," if number else ""}"{name}":'), *written]
    return [*parts, Literal("}")]


def if_present(reference: Sql, parts: Sequence[Part]) -> Value:
    """Write `parts`, or null where `reference` is null."""
    return Value(f"CASE WHEN {reference} IS NULL THEN 'null' ELSE {joined(parts)} END")


def joined(parts: Sequence[Part]) -> Sql:
    """Join parts to one expression of type text."""
    arguments = _arguments(parts)
    while len(arguments) > _MOST_ARGUMENTS:
        groups = [arguments[i : i + _MOST_ARGUMENTS] for i in range(0, len(arguments), _MOST_ARGUMENTS)]
        arguments = [f"concat({','.join(group)})" for group in groups]
    return f"concat({','.join(arguments)})"


def one(rows: Sql, alias: str, parts: Sequence[Part], *, nullable: bool) -> Value:
    """Write the only row of a level as `parts`; null, or REFUSED, where there is none."""
    absent = "'null'" if nullable else f"'{REFUSED}'"
    return Value(f"coalesce((SELECT {joined(parts)} FROM ({rows}) {alias}),{absent})")


def many(rows: Sql, alias: str, parts: Sequence[Part]) -> Value:
    """Write all rows of a level as a list, each as `parts`, in the rows' order."""
    return Value(f"(SELECT concat('[',string_agg({joined(parts)},','),']') FROM ({rows}) {alias})")


def by_keys(level: int, rows: Sequence[Value]) -> list[Part]:
    """Write a list that the level's parameters `kinds` and `keys` tell, arrays of one length: an entry is the row that
    its kind, a position in `rows`, has for its key (`key_of_entry`).
    """
    branches = "".join(f" WHEN {kind} THEN {row.sql}" for kind, row in enumerate(rows))
    entries = f"unnest({parameter(level, 'kinds', 'int[]')},{parameter(level, 'keys', 'bigint[]')})"
    alias = f"k{level}"
    return [
        Literal("["),
        Value(
            f"(SELECT string_agg(CASE {alias}.kind{branches} END,',' ORDER BY {alias}.place) "
            f"FROM {entries} WITH ORDINALITY {alias}(kind,key,place))"
        ),
        Literal("]"),
    ]


def key_of_entry(level: int) -> Sql:
    """Refer to the key of an entry of `by_keys`."""
    return f"k{level}.key"


def some(rows: Sql, alias: str, parts: Sequence[Part]) -> Value:
    """Write what is aggregated over the rows of a level."""
    return Value(f"(SELECT {joined(parts)} FROM ({rows}) {alias})")


def numbered(rows: Sql, alias: str) -> Sql:
    """Number the rows of a level in their order, as `row_number`."""
    return f"SELECT {alias}_all.*, row_number() OVER () AS row_number FROM ({rows}) {alias}_all"


def listed(parts: Sequence[Part], *, order_by: Sql = "", where: Sql = "") -> list[Part]:
    """Write the rows' `parts` as a list, inside an aggregate."""
    ordered = f" ORDER BY {order_by}" if order_by else ""
    filtered = f" FILTER (WHERE {where})" if where else ""
    return [Literal("["), Value(f"string_agg({joined(parts)},','{ordered}){filtered}"), Literal("]")]


@dataclass(frozen=True, slots=True)
class Template:
    """A statement of some level: whatever the level, and the key of its parent, it is the same."""

    sql: Sql

    def at(self, level: int, of: Sql | None) -> Sql:
        """Write it for a level, below the key `of`; None where there is none."""
        return self.sql.replace("«.", f"«{level}.").replace(OF, of or "")


def template(statement: AnySelect) -> Template:
    """Write a statement as text, its own constants as literals; where its parent's key is to stand, it has OF."""
    compiled = statement.compile(dialect=_DIALECT)
    names: Sequence[str] = compiled.positiontup or ()
    constants = {name: bind.effective_value for name, bind in compiled.binds.items()}

    def named(match: re.Match[str]) -> str:
        name = names[int(match[1]) - 1]
        if (constant := constants.get(name)) is not None:
            return _constant(constant)
        return f"«{name}»" if name in _SHARED else f"«.{name}»"

    return Template(_PARAMETER.sub(named, str(compiled)))


def reference(alias: str, label: str) -> Sql:
    """Refer to a column of a level from above or below it."""
    return f'{alias}."{label}"'


def parameter_name(level: int, name: str) -> Sql:
    """Write how a level's parameter stands in the text."""
    return f"«{level}.{name}»"


def with_constant(rows: Sql, parameter_name: Sql, constant: int) -> Sql:
    """Put a constant in the place of a parameter."""
    return rows.replace(parameter_name, str(constant))


def parameter(level: int, name: str, type_name: str) -> Sql:
    """Write a parameter of one's own."""
    return f"«{level}.{name}»::{type_name}"


def shared_parameter(name: str, type_name: str) -> Sql:
    """Write a parameter of the viewer's."""
    return f"«{name}»::{type_name}"


def finish(columns: Sequence[Sequence[Part]]) -> Statement:
    """Make the statement that answers with one row, whose columns are texts."""
    found: dict[str, int] = {}

    def numbered_parameter(match: re.Match[str]) -> str:
        return f"${found.setdefault(match[1], len(found) + 1)}"

    text = _NAMED.sub(numbered_parameter, f"SELECT {','.join(map(joined, columns))}")
    return Statement(text, tuple(_parameter(name) for name in found))


def _parameter(name: str) -> Parameter:
    level, dot, own = name.partition(".")
    return Parameter(int(level), own) if dot else Parameter(None, name)


def _arguments(parts: Sequence[Part]) -> list[Sql]:
    """Make arguments of `concat`, with literals that meet joined."""
    arguments: list[Sql] = []
    literal = ""
    for part in parts:
        if isinstance(part, Literal):
            literal += part.json
            continue
        if literal:
            arguments.append(_quoted(literal))
            literal = ""
        arguments.append(part.sql)
    if literal:
        arguments.append(_quoted(literal))
    return arguments


def _constant(constant: object) -> Sql:
    if isinstance(constant, bool):
        return "true" if constant else "false"
    return repr(constant) if isinstance(constant, int | float) else _quoted(str(constant))


def _quoted(literal: str) -> Sql:
    return "'" + literal.replace("'", "''") + "'"
