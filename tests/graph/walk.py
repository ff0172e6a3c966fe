"""Selections made by walking the schema, so that a new field is tested without anybody writing it
down.
"""

from collections.abc import Iterator

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_required_argument,
)

from graph.schema.build import build_schema

SCHEMA = build_schema().core
REQUIRED = {
    "distance": "KM5",
    "period": "MONTH",
    "input": "{distanceMeters: 5000, elapsedTimeSeconds: 1200, sex: MALE, age: 45}",
}
"""Values for arguments that cannot be left out, by name."""
_FIRST_DAY = '"2000-01-01"'
"""For periods that would begin some days before today."""


def node_types() -> list[GraphQLObjectType]:
    return list(SCHEMA.get_possible_types(SCHEMA.get_type("Node")))


def types_below(root: GraphQLObjectType) -> dict[str, GraphQLObjectType]:
    """Every object type that a selection from `root` can reach, by name."""
    found: dict[str, GraphQLObjectType] = {}
    waiting: list[GraphQLNamedType] = [root]
    while waiting:
        each = waiting.pop()
        if isinstance(each, GraphQLInterfaceType):
            waiting += SCHEMA.get_possible_types(each)
        elif isinstance(each, GraphQLObjectType) and each.name not in found:
            found[each.name] = each
            waiting += [get_named_type(field.type) for field in each.fields.values()]
    return found


def relations(type_: GraphQLObjectType) -> Iterator[tuple[str, GraphQLField]]:
    """The fields that hold objects or lists of them."""
    for name, field in type_.fields.items():
        if is_composite_type(get_named_type(field.type)):
            yield name, field


def call(name: str, field: GraphQLField, **given: str) -> str:
    """The field with the arguments it must have, all days of a period, and of `given` what it takes."""
    values = {
        name: REQUIRED[name]
        for name, argument in field.args.items()
        if is_required_argument(argument)
    }
    if (since := field.args.get("from")) and str(since.type) == "Date":
        values["from"] = _FIRST_DAY
    values |= {name: value for name, value in given.items() if name in field.args}
    return name + (
        f"({', '.join(f'{name}: {value}' for name, value in values.items())})" if values else ""
    )


def selection(type_: GraphQLNamedType, depth: int, **given: str) -> str:
    """All scalars of a type, and its relations down to `depth`; a connection and its edges are one
    level.
    """
    if isinstance(type_, GraphQLInterfaceType):
        return f"__typename id {' '.join(fragment(each, depth, **given) for each in SCHEMA.get_possible_types(type_))}"
    left = depth if is_plumbing(type_) else depth - 1
    parts = ["__typename"]
    for name, field in type_.fields.items():
        target = get_named_type(field.type)
        if not is_composite_type(target):
            parts.append(call(name, field))
        elif left >= 0 or not has_relations(target):
            parts.append(f"{call(name, field, **given)} {{ {selection(target, left, **given)} }}")
    return " ".join(parts)


def fragment(type_: GraphQLObjectType, depth: int, **given: str) -> str:
    return f"... on {type_.name} {{ {selection(type_, depth, **given)} }}"


def is_connection(type_: GraphQLNamedType) -> bool:
    return type_.name.endswith("Connection") and "edges" in getattr(type_, "fields", {})


def is_plumbing(type_: GraphQLNamedType) -> bool:
    """A connection or an edge: what stands between a list's parent and its nodes."""
    return is_connection(type_) or type_.name.endswith("Edge")


def has_relations(type_: GraphQLNamedType) -> bool:
    return isinstance(type_, GraphQLInterfaceType) or any(relations(type_))
