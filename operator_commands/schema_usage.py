"""`pacegraph schema-usage`: what clients use of the schema, as a page or as JSON lines."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

from db.session import SyncDatabase
from db.statements.server import schema_use
from operator_commands.report import Section, as_html, as_markdown
from settings import Settings

Form = Literal["markdown", "html", "json"]
_NO_NAME = "(no name)"
_LAST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Use:
    """How many operations of a client used a member of the schema, and the last day (UTC).

    `client` and `version` are what it says of itself, "" where it says nothing.
    """

    coordinate: str
    client: str
    version: str
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


def show_usage(settings: Settings, *, days: int, shows_all: bool, form: Form) -> int:
    """Print the usage. Returns 0, or 2 for a wrong number of days. Raises DatabaseError."""
    from graph.schema.build import build_core_schema

    if not 1 <= days <= _LAST_DAYS:
        print(f"--days: {days} is not from 1 to {_LAST_DAYS}", file=sys.stderr)
        return 2
    uses = read_uses(settings, days)
    if form == "json":
        for use in uses:
            print(json.dumps(_fields(use)))
        return 0
    title = f"Usage of the schema in the last {days} days"
    sections = report(members_of(build_core_schema()), uses, shows_all=shows_all)
    print(as_html(title, sections) if form == "html" else as_markdown(title, sections))
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
        Use(row.coordinate, row.client_name, row.client_version, row.operations, row.last_day)
        for row in rows
    ]


def _fields(use: Use) -> dict[str, object]:
    return {
        "coordinate": use.coordinate,
        "client": use.client,
        "version": use.version,
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


def report(members: Iterable[Member], uses: Sequence[Use], *, shows_all: bool) -> list[Section]:
    """Sort what is deprecated and used, by which client, what is not used, and on demand all uses."""
    known = {each.coordinate: each for each in members}
    used = {use.coordinate for use in uses}
    outdated = [
        (use, found.deprecated)
        for use in uses
        if (found := known.get(use.coordinate)) and found.deprecated
    ]
    unused = [each for each in known.values() if each.coordinate not in used]
    sections = [
        Section(
            "Deprecated and used",
            (*_USE, "what to do"),
            [(*_row(use), reason) for use, reason in outdated],
        ),
        Section(
            "Clients to tell",
            ("client", "version", "deprecated members", "last day"),
            list(_clients([use for use, _ in outdated])),
        ),
        Section(
            "Deprecated and not used",
            ("member", "what to do"),
            [(each.coordinate, each.deprecated) for each in unused if each.deprecated],
        ),
        Section(
            "Not used",
            ("member",),
            [(each.coordinate,) for each in unused if not each.deprecated and each.is_counted],
        ),
    ]
    return [*sections, Section("Used", _USE, list(map(_row, uses)))] if shows_all else sections


_USE = ("member", "client", "version", "operations", "last day")


def _row(use: Use) -> tuple[str, ...]:
    day = use.last_day.isoformat()
    return use.coordinate, use.client or _NO_NAME, use.version, f"{use.operations:,}", day


def _clients(uses: Iterable[Use]) -> Iterator[tuple[str, ...]]:
    """Make a row for each name and version, by name."""
    by_client = defaultdict[tuple[str, str], list[Use]](list)
    for use in uses:
        by_client[use.client, use.version].append(use)
    for (name, version), own in sorted(by_client.items()):
        members = ", ".join(sorted(use.coordinate for use in own))
        yield name or _NO_NAME, version, members, max(use.last_day for use in own).isoformat()
