"""`pacegraph schema-usage`: what clients use of the schema, as a page of Markdown or JSON lines."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

from db.session import SyncDatabase
from db.statements import schema_use
from settings import Settings

_NOBODY = "(no name)"
_LAST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Use:
    """How many operations of a client used a member of the schema, and the last day (UTC)."""

    coordinate: str
    client: str
    operations: int
    last_day: date


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the schema. `deprecated` is the reason, None where it is not deprecated.

    `is_counted`: a use shows in every document. Of enum values and input fields, those in the
    values of variables do not.
    """

    coordinate: str
    deprecated: str | None
    is_counted: bool


def show_usage(settings: Settings, *, days: int, shows_all: bool, as_json: bool) -> int:
    """Print the usage. Returns 0, or 2 for a wrong number of days. Raises DatabaseError."""
    from graph.schema.build import build_core_schema

    if not 1 <= days <= _LAST_DAYS:
        print(f"--days: {days} is not from 1 to {_LAST_DAYS}", file=sys.stderr)
        return 2
    uses = read_uses(settings, days)
    if as_json:
        lines: Iterable[str] = (json.dumps(_fields(use)) for use in uses)
    else:
        lines = page(members_of(build_core_schema()), uses, days, shows_all=shows_all)
    for line in lines:
        print(line)
    return 0


def read_uses(settings: Settings, days: int) -> list[Use]:
    """Read the uses of the last `days` days, those of most operations first."""
    database = SyncDatabase(settings, application_name="pacegraph-schema-usage")
    try:
        with database.read() as connection:
            rows = connection.execute(schema_use.of_days(), {"days": days}).all()
    finally:
        database.close()
    return [
        Use(
            row.coordinate,
            _client(row.client_name, row.client_version),
            row.operations,
            row.last_day,
        )
        for row in rows
    ]


def _client(name: str, version: str) -> str:
    return f"{name or _NOBODY} {version}".strip()


def _fields(use: Use) -> dict[str, object]:
    return {
        "coordinate": use.coordinate,
        "client": use.client,
        "operations": use.operations,
        "lastDay": use.last_day.isoformat(),
    }


def members_of(schema: GraphQLSchema) -> Iterator[Member]:
    """List fields, arguments, input fields and enum values, by name; introspection is left out."""
    for name, type_ in sorted(schema.type_map.items()):
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in type_.fields.items():
                coordinate = f"{name}.{field_name}"
                yield Member(coordinate, field.deprecation_reason, is_counted=True)
                for argument_name, argument in field.args.items():
                    yield Member(
                        f"{coordinate}({argument_name}:)",
                        argument.deprecation_reason,
                        is_counted=True,
                    )
        elif isinstance(type_, GraphQLInputObjectType):
            for field_name, input_field in type_.fields.items():
                yield Member(
                    f"{name}.{field_name}", input_field.deprecation_reason, is_counted=False
                )
        elif isinstance(type_, GraphQLEnumType):
            for value_name, value in type_.values.items():
                yield Member(f"{name}.{value_name}", value.deprecation_reason, is_counted=False)


def page(
    members: Iterable[Member], uses: Sequence[Use], days: int, *, shows_all: bool
) -> Iterator[str]:
    """Write a page: deprecated and used, deprecated and not used, not used."""
    by_coordinate = defaultdict[str, list[Use]](list)
    for use in uses:
        by_coordinate[use.coordinate].append(use)
    known = {each.coordinate: each for each in members}
    yield f"# Usage of the schema in the last {days} days"
    yield from _section(
        "Deprecated and used",
        [use for use in uses if (found := known.get(use.coordinate)) and found.deprecated],
    )
    unused = [each for each in known.values() if each.coordinate not in by_coordinate]
    yield from _listed("Deprecated and not used", [each for each in unused if each.deprecated])
    yield from _listed(
        "Not used", [each for each in unused if not each.deprecated and each.is_counted]
    )
    if shows_all:
        yield from _section("Used", uses)


def _section(title: str, uses: Sequence[Use]) -> Iterator[str]:
    yield f"\n## {title}\n"
    if not uses:
        yield "Nothing."
        return
    yield "| member | client | operations | last day |\n|---|---|---:|---|"
    for use in uses:
        client = use.client.replace("|", "\\|")
        yield f"| `{use.coordinate}` | {client} | {use.operations:,} | {use.last_day} |"


def _listed(title: str, members: Sequence[Member]) -> Iterator[str]:
    yield f"\n## {title}\n"
    if not members:
        yield "Nothing."
    for each in members:
        yield f"- `{each.coordinate}`{f': {each.deprecated}' if each.deprecated else ''}"
