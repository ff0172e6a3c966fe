"""Schema coordinates: which part of the schema an error is about.

They are written as the GraphQL specification of September 2025 does: `Type.field`,
`Type.field(argument:)`, `Input.field`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

_INDEX = re.compile(r"\[\d+\]")
Fragments = Mapping[str, FragmentDefinitionNode]
_Selected = tuple[GraphQLNamedType, FieldNode]


def coordinate_at(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Fragments,
    path: Sequence[str | int],
    place: str | None = None,
) -> str | None:
    """Get the coordinate of the field at a path of response names in a valid operation.

    `place` is a place in its arguments, such as `filter.sex` or `ids[3]`: then that of the argument
    or input field. None for what has no coordinate, such as introspection.
    """
    found = _field_at(schema, operation, fragments, path)
    if found is None:
        return None
    parent, node = found
    declared = getattr(parent, "fields", {}).get(node.name.value)
    if declared is None:
        return None
    coordinate = f"{parent.name}.{node.name.value}"
    name, _, below = (place or "").partition(".")
    argument = declared.args.get(_INDEX.sub("", name))
    if argument is None:
        return coordinate
    of_input = input_coordinate(get_named_type(argument.type), below)
    return of_input or f"{coordinate}({_INDEX.sub('', name)}:)"


def input_coordinate(of: GraphQLNamedType, place: str) -> str | None:
    """Get the coordinate of the deepest known field at a place in an input, such as `sex`."""
    found = None
    for name in _INDEX.sub("", place).split("."):
        declared = of.fields.get(name) if isinstance(of, GraphQLInputObjectType) else None
        if declared is None:
            break
        found, of = f"{of.name}.{name}", get_named_type(declared.type)
    return found


def _field_at(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Fragments,
    path: Sequence[str | int],
) -> _Selected | None:
    root = schema.get_root_type(operation.operation)
    assert root is not None
    level: list[tuple[GraphQLNamedType, SelectionSetNode]] = [(root, operation.selection_set)]
    found: list[_Selected] = []
    for name in (each for each in path if isinstance(each, str)):
        found = [
            (parent, node)
            for of, selections in level
            for parent, node in _fields(schema, fragments, of, selections, set())
            if (node.alias or node.name).value == name
        ]
        level = [
            (get_named_type(declared.type), node.selection_set)
            for parent, node in found
            if node.selection_set is not None
            and (declared := getattr(parent, "fields", {}).get(node.name.value)) is not None
        ]
    return found[0] if found else None


def _fields(
    schema: GraphQLSchema,
    fragments: Fragments,
    of: GraphQLNamedType,
    selections: SelectionSetNode,
    spread: set[str],
) -> Iterator[_Selected]:
    """Yield the fields of a selection set, each with the type that it is selected on.

    `spread` has the fragments that were met: each is walked once, however often it is spread.
    """
    for each in selections.selections:
        if isinstance(each, FieldNode):
            yield of, each
            continue
        condition: NamedTypeNode | None
        if isinstance(each, FragmentSpreadNode):
            if each.name.value in spread:
                continue
            spread.add(each.name.value)
            fragment = fragments[each.name.value]
            condition, below = fragment.type_condition, fragment.selection_set
        else:
            assert isinstance(each, InlineFragmentNode)
            condition, below = each.type_condition, each.selection_set
        named = schema.get_type(condition.name.value) if condition is not None else of
        assert named is not None
        yield from _fields(schema, fragments, named, below, spread)
