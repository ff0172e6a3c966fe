# ruff: noqa: S608 - this module builds SQL text; callers' values are always parameters
"""Statements that have PostgreSQL write JSON: a whole tree of rows in one round trip.

A tree is assembled as SQL text, from the leaves up. Each level is a statement that other modules of
this package built, used as a derived table with an alias of its own (`r1`, `r2`, …). Around it is
one `concat` of punctuation, values and the subqueries of the levels below, which refer to the level
by its alias. Text is concatenated because `json_build_object` looks up the output function of each
argument in every call. Values are written exactly as orjson and graphql-core write them.

`graph/plan/compiler.py` decides what to write and calls this module; the two are halves of one
compiler, split so that all SQL stays in this package. `db/statements/json_statement.py` makes the
whole statement.

Parameters get names while the tree grows, by level, and numbers at the end.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from db.statements.error_link import PAGES
from db.statements.files.original import LINK_ADDRESS, LINK_KEY
from db.statements.listed_row import VALUE_SEPARATOR
from db.statements.page import OF_ATHLETE, AnySelect
from db.statements.visibility import VIEWER, VIEWER_ACCOUNT

REFUSED = "\x01"
"""Written in place of a null that must not occur; it is not JSON, so the reader notices it."""

MARK, MARK_SEPARATOR = "\x02", "\x03"
"""Around what the reader turns into JSON; neither is JSON."""

ROWS, ROWS_BEGIN, ROWS_END = "\x04", "\x05", "\x06"
"""Around rows whose JSON the reader puts together from their values; none is JSON."""

OF = "«of»"
"""Placeholder in a template for the key of a level's parent, as `OF_ATHLETE` for its athlete."""

_SHARED = {VIEWER.key, VIEWER_ACCOUNT.key, LINK_ADDRESS.key, LINK_KEY.key, PAGES.key}
_MARKED_BYTES = 3  # samples, marks and positions
_MOST_ARGUMENTS = 90  # PostgreSQL takes at most 100
_BASE64_BYTES = 3  # so many bytes become four characters, independent of what follows
_PARAMETER = re.compile(r"\$(\d+)")
_DIALECT = asyncpg_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

Sql = str
"""SQL text; parameters are written as «name»."""


class Form(Enum):
    """How a value is written in JSON."""

    TEXT = auto()
    NAME = auto()  # letters, digits, underscores: nothing to escape
    NUMBER = auto()
    THOUSANDTHS = auto()  # a double with at most three decimals
    MILLIONTHS = auto()
    BOOLEAN = auto()
    NUMBER_AS_TEXT = auto()
    INSTANT = auto()
    LOCAL = auto()
    DATE = auto()
    TEXTS = auto()
    NAMES = auto()  # a list of enum values, which are their names in lower case


LARGEST_ROUNDED = 1e12
"""Numbers from here on are written as they are: noise is far below what matters, and no product
overflows."""

_ROUNDED = "(CASE WHEN abs({{0}})<{0:g} THEN round({{0}}*{1:g})/{1:g}+0 ELSE {{0}} END)"
# Rounded as `graph.scalars.rounded` does; + 0 makes 0 of -0.

# SQL around a reference to a value that is not null, and whether JSON quotes the result.
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
    Form.THOUSANDTHS: _ROUNDED.format(LARGEST_ROUNDED, 10**3),
    Form.MILLIONTHS: _ROUNDED.format(LARGEST_ROUNDED, 10**6),
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


@dataclass(frozen=True, slots=True)
class KeptValue:
    """JSON that a row has among others in one text: the value at `place` (`listed_row.py`)."""

    place: int


Part = Literal | Value | KeptValue
"""Kept values stand in rows of `kept_rows` only."""


def value(form: Form, reference: Sql, *, nullable: bool) -> list[Part]:
    """Write a column's value, or null."""
    if nullable:
        return [Value(f"coalesce({_as_text(form, reference)},'null')")]
    if form in _BARE:
        return [Value(_BARE[form].format(reference))]
    return [
        Literal('"'),
        Value(_QUOTED[form].format(reference)),
        Literal(_ENDINGS.get(form, "") + '"'),
    ]


def global_id(type_name: str, reference: Sql) -> list[Part]:
    """Write a global id, as `graph/global_id.py` does."""
    prefix = f"{type_name}:"
    whole = len(prefix) - len(prefix) % _BASE64_BYTES
    begun, rest = b64encode(prefix[:whole].encode()).decode(), prefix[whole:]
    text = f"'{rest}'||{reference}" if rest else f"{reference}::text"
    # A cast to bytea would write the text and read it again.
    return [Literal(f'"{begun}'), Value(f"encode(textsend({text}),'base64')"), Literal('"')]


def cursor(order_name: str, values: Sequence[tuple[Form, Sql]]) -> list[Part]:
    """Write a cursor as `graph/pagination.py` does.

    It is URL-safe base64 of a JSON array, without padding.
    """
    written = "||','||".join(_as_text(form, reference) for form, reference in values)
    text = f"'[\"{order_name}\",'||{written}||']'"
    # PostgreSQL breaks base64 into lines; translate drops characters without a counterpart.
    encoded = f"rtrim(translate(encode(convert_to({text},'UTF8'),'base64'),E'+/\\n','-_'),'=')"
    return [Literal('"'), Value(encoded), Literal('"')]


def _as_text(form: Form, reference: Sql) -> Sql:
    """Write a value as one expression of type text, NULL if the value is null."""
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
    """Join parts into one expression of type text."""
    arguments = _arguments(parts)
    while len(arguments) > _MOST_ARGUMENTS:
        groups = [
            arguments[i : i + _MOST_ARGUMENTS] for i in range(0, len(arguments), _MOST_ARGUMENTS)
        ]
        arguments = [f"concat({','.join(group)})" for group in groups]
    return f"concat({','.join(arguments)})"


def one(rows: Sql, alias: str, parts: Sequence[Part], *, nullable: bool) -> Value:
    """Write the only row of a level as `parts`; if there is none, null or REFUSED."""
    absent = "'null'" if nullable else f"'{REFUSED}'"
    return Value(f"coalesce((SELECT {joined(parts)} FROM ({rows}) {alias}),{absent})")


def drawn(rows: Sql, alias: str, number: int, labels: Sequence[str]) -> Value:
    """Write the only row of streams for drawing `number` as a mark; null if there is none.

    `labels` are two plain values, then bytes; those that are null or left out are empty.
    """
    sample_count, shown, *packed = (reference(alias, label) for label in labels)
    parts: list[Part] = [Literal(f"{MARK}{number}{MARK_SEPARATOR}"), Value(sample_count)]
    parts += [Literal(MARK_SEPARATOR), Value(shown)]
    for each in packed:
        parts += [Literal(MARK_SEPARATOR), Value(f"encode({each},'base64')")]
    empty = MARK_SEPARATOR * (_MARKED_BYTES - len(packed))
    return one(rows, alias, [*parts, Literal(empty + MARK_SEPARATOR)], nullable=True)


def many(rows: Sql, alias: str, parts: Sequence[Part]) -> Value:
    """Write all rows of a level as a list, each as `parts`, in the order of the rows."""
    return Value(f"(SELECT concat('[',string_agg({joined(parts)},','),']') FROM ({rows}) {alias})")


def by_keys(level: int, rows: Sequence[Value]) -> list[Part]:
    """Write a list of rows chosen by the level's parameters `kinds` and `keys`.

    Both are arrays of one length. For each entry, its kind is an index of `rows`, and its key
    selects the row there (`key_of_entry`).
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
    return [
        Literal("["),
        Value(f"string_agg({joined(parts)},','{ordered}){filtered}"),
        Literal("]"),
    ]


def kept_rows(
    number: int, kept: Sql, values: Sequence[Value], *, order_by: Sql = "", where: Sql = ""
) -> list[Part]:
    """Write the values of a level's rows, inside an aggregate, for list `number` of the reader.

    A row has those of the text `kept`, then `values`.
    """
    ordered = f" ORDER BY {order_by}" if order_by else ""
    filtered = f" FILTER (WHERE {where})" if where else ""
    parts: list[Part] = [Value(kept)]
    for each in values:
        parts += [Literal(VALUE_SEPARATOR), each]
    row = joined(parts) if values else kept
    return [
        Literal(f"{ROWS}{number}{ROWS_BEGIN}"),
        Value(f"string_agg({row},'{VALUE_SEPARATOR}'{ordered}){filtered}"),
        Literal(ROWS_END),
    ]


@dataclass(frozen=True, slots=True)
class Template:
    """A statement that is the same for every level and every key of a parent."""

    sql: Sql

    def at(self, level: int, of: Sql | None, athlete: Sql | None = None) -> Sql:
        """Write it for a level, below the key `of` and its `athlete`; None if there is none."""
        sql = self.sql.replace("«.", f"«{level}.").replace(OF, of or "")
        return sql.replace(OF_ATHLETE.name, athlete or "")


def template(statement: AnySelect) -> Template:
    """Write a statement as text, with its own constants as literals.

    OF marks the place of its parent's key.
    """
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
    """Write a level's parameter as it appears in the text."""
    return f"«{level}.{name}»"


def with_constant(rows: Sql, parameter_name: Sql, constant: int) -> Sql:
    """Replace a parameter by a constant."""
    return rows.replace(parameter_name, str(constant))


def parameter(level: int, name: str, type_name: str) -> Sql:
    """Write a level's own parameter."""
    return f"«{level}.{name}»::{type_name}"


def shared_parameter(name: str, type_name: str) -> Sql:
    """Write a parameter of the viewer."""
    return f"«{name}»::{type_name}"


def _arguments(parts: Sequence[Part]) -> list[Sql]:
    """Make the arguments of `concat`, with adjacent literals merged."""
    arguments: list[Sql] = []
    literal = ""
    for part in parts:
        if isinstance(part, Literal):
            literal += part.json
            continue
        if literal:
            arguments.append(_quoted(literal))
            literal = ""
        assert isinstance(part, Value), "kept values stand in rows of `kept_rows` only"
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
