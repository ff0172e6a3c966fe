"""Schema coordinates: which part of the schema an error is about, and what an operation uses.

They are written as GraphQL's specification does since September 2025: `Type.field`,
`Type.field(argument:)`, `Input.field`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from graphql import (
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NamedTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    get_named_type,
    is_specified_scalar_type,
    type_from_ast,
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
    declared = _declared(parent, node)
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
    """Get the coordinate of the deepest known field at a place of an input (`sex`), or None."""
    found = None
    for name in _INDEX.sub("", place).split("."):
        declared = of.fields.get(name) if isinstance(of, GraphQLInputObjectType) else None
        if declared is None:
            break
        found, of = f"{of.name}.{name}", get_named_type(declared.type)
    return found


def type_coordinate(of: GraphQLNamedType) -> str | None:
    """Get the coordinate of a type of the schema. None for the scalars that every schema has."""
    return None if is_specified_scalar_type(of) else of.name


def coordinates_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
) -> frozenset[str]:
    """Collect what a valid operation and the fragments it spreads use.

    `Type.field`, `Type.field(argument:)`, `Input.field` and `Enum.VALUE`. Introspection is left
    out, and so are input fields and enum values in the values of variables: the document does not
    have them.
    """
    root = schema.get_root_type(operation.operation)
    assert root is not None
    found: set[str] = set()
    for each in operation.variable_definitions or ():
        if each.default_value is not None:
            found.update(
                _in_value(get_named_type(type_from_ast(schema, each.type)), each.default_value)
            )
    spread: set[str] = set()  # of the whole operation: a fragment has the same fields everywhere
    pending: list[tuple[GraphQLNamedType, SelectionSetNode]] = [(root, operation.selection_set)]
    while pending:
        for parent, node in _fields(schema, fragments, *pending.pop(), spread):
            declared = _declared(parent, node)
            if declared is None:
                continue
            coordinate = f"{parent.name}.{node.name.value}"
            found.add(coordinate)
            for argument in node.arguments or ():
                name = argument.name.value
                found.add(f"{coordinate}({name}:)")
                found.update(_in_value(get_named_type(declared.args[name].type), argument.value))
            if node.selection_set is not None:
                pending.append((get_named_type(declared.type), node.selection_set))
    return frozenset(found)


def _in_value(of: GraphQLNamedType | None, value: ValueNode) -> Iterator[str]:
    """Yield the input fields and enum values that a written value has at any depth."""
    if isinstance(value, ListValueNode):
        for each in value.values:
            yield from _in_value(of, each)
    elif isinstance(value, EnumValueNode) and isinstance(of, GraphQLEnumType):
        yield f"{of.name}.{value.value}"
    elif isinstance(value, ObjectValueNode) and isinstance(of, GraphQLInputObjectType):
        for field in value.fields:
            yield f"{of.name}.{field.name.value}"
            yield from _in_value(get_named_type(of.fields[field.name.value].type), field.value)


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
            if node.selection_set is not None and (declared := _declared(parent, node)) is not None
        ]
    return found[0] if found else None


def _declared(parent: GraphQLNamedType, node: FieldNode) -> GraphQLField | None:
    """Get the definition of a field. None for `__typename` and at the root of introspection."""
    declared: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
    return declared


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
