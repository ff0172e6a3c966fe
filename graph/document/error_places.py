"""Which part of a document and of the schema an error of validation is about."""

import re
from collections.abc import Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    ListValueNode,
    NameNode,
    Node,
    ObjectFieldNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    Visitor,
    get_named_type,
    visit,
)

from graph.coordinates import input_coordinate, type_coordinate

MEMBER = re.compile(
    r"Expected value of type '\w+' (?:not to include unknown|to include required) field '(\w+)'"
)
"""How graphql-core says which field of an input object is missing or unknown."""
_LACKING = re.compile(
    r"Argument '(?:<meta>.*|((?:\w+\.|@)\w+))\((\w+):\)' of type '.+' is required"
)
_NULL = "not to be None."


def in_words_of_json(message: str) -> str:
    """Write what graphql-core says of a null value as JSON and GraphQL do."""
    return message.removesuffix(_NULL) + "not to be null." if message.endswith(_NULL) else message


def places_of(
    schema: GraphQLSchema, ast: DocumentNode, errors: Sequence[GraphQLError]
) -> list[dict[str, str]]:
    """Find what each error is about: `field`, such as `filter.kinds[0]`, and `coordinate`.

    `field` is a value's place, or the name of an argument, a field or a variable; `coordinate` the
    deepest part of the schema that is known there: of an unknown field, its type. What does not
    apply is absent. The document need not be valid.
    """
    nodes = [_told_node(each.nodes or []) for each in errors]
    wanted = {id(each) for each in nodes if each is not None}
    found: dict[int, _ErrorPlace] = {}
    if wanted:
        types = TypeInfo(schema)
        visit(ast, TypeInfoVisitor(types, _ErrorPlaceFinder(types, wanted, found)))
    return [_told(each, found.get(id(node))) for each, node in zip(errors, nodes, strict=True)]


_TOLD = (
    ArgumentNode
    | DirectiveNode
    | FieldNode
    | NameNode
    | ObjectFieldNode
    | SelectionSetNode
    | ValueNode
    | VariableDefinitionNode
)


def _told_node(nodes: Sequence[Node]) -> Node | None:
    """Choose the node that an error is about.

    Of a variable and its use it is the use, where the schema has something to name.
    """
    if isinstance(nodes[0] if nodes else None, VariableDefinitionNode):
        nodes = [each for each in nodes if isinstance(each, ValueNode)] or nodes
    return nodes[0] if nodes and isinstance(nodes[0], _TOLD) else None


class _ErrorPlace:
    """The steps to a part of a document: `filter`, `.kinds`, `[0]`, and its coordinate.

    Below an argument, or in the default of a variable, `of` is the type that it begins with.
    """

    def __init__(
        self, steps: list[str], coordinate: str | None, of: GraphQLNamedType | None = None
    ) -> None:
        self.steps, self.coordinate, self.of = steps, coordinate, of

    def told(self, member: str | None) -> dict[str, str]:
        steps = self.steps
        if member is not None and steps[-1] != f".{member}":
            steps = [*steps, f".{member}"]
        below = "".join(steps[1:]).lstrip(".")
        coordinate = (self.of and input_coordinate(self.of, below)) or self.coordinate
        told = {"field": "".join(steps), "coordinate": coordinate}
        return {name: each for name, each in told.items() if each}


def _told(error: GraphQLError, place: _ErrorPlace | None) -> dict[str, str]:
    if lacking := _LACKING.match(error.message):
        coordinate = {"coordinate": f"{lacking[1]}({lacking[2]}:)"} if lacking[1] else {}
        return {"field": lacking[2], **coordinate}
    if place is None:
        return {}
    member = MEMBER.match(error.message)
    return place.told(member[1] if member else None)


class _ErrorPlaceFinder(Visitor):
    """Notes the places of the `wanted` nodes, by their identity."""

    def __init__(self, types: TypeInfo, wanted: set[int], found: dict[int, _ErrorPlace]) -> None:
        super().__init__()
        self._types, self._wanted, self._found = types, wanted, found
        self._of: GraphQLNamedType | None = None
        self._coordinate: str | None = None

    def enter(self, node: Node, _: Any, parent: Any, path: list[Any], ancestors: list[Any]) -> None:
        if isinstance(node, VariableDefinitionNode):
            self._of = get_named_type(self._types.get_input_type())
            self._coordinate = type_coordinate(self._of) if self._of else None
        elif isinstance(node, ArgumentNode):
            declared, owner = self._types.get_argument(), self._owner(ancestors[-1])
            self._of = get_named_type(declared.type) if declared is not None else None
            known = declared is not None and owner is not None
            self._coordinate = f"{owner}({node.name.value}:)" if known else owner
        for key in {id(node), id(getattr(node, "selection_set", None))} & self._wanted:
            place = self._place(node, [*ancestors, parent, node], path)
            if place is not None:
                self._found[key] = place

    def _place(self, node: Node, nodes: list[Any], path: list[Any]) -> _ErrorPlace | None:
        if isinstance(node, FieldNode | DirectiveNode):
            name = [node.name.value] if isinstance(node, FieldNode) else []
            return _ErrorPlace(name, self._owner(node))
        steps = _steps(nodes, path)
        return _ErrorPlace(steps, self._coordinate, self._of) if steps else None

    def _owner(self, node: FieldNode | DirectiveNode) -> str | None:
        """Write the coordinate of a field, of the type that lacks it, or of a directive.

        None: it is of introspection, or unknown as what it stands in is.
        """
        name = node.name.value
        if isinstance(node, DirectiveNode):
            return f"@{name}" if self._types.get_directive() else None
        parent = self._types.get_parent_type()
        if parent is None or name.startswith("__"):
            return None
        return f"{parent.name}.{name}" if self._types.get_field_def() else parent.name


def _steps(nodes: list[Any], keys: list[Any]) -> list[str]:
    """List the steps from the argument or variable to the last node: `filter`, `.kinds`, `[0]`."""
    steps: list[str] = []
    for index, node in enumerate(nodes):
        if isinstance(node, ArgumentNode):
            steps = [node.name.value]
        elif isinstance(node, VariableDefinitionNode):
            steps = [node.variable.name.value]
        elif isinstance(node, ObjectFieldNode):
            steps.append(f".{node.name.value}")
        elif isinstance(node, ListValueNode) and index + 1 < len(keys):
            steps.append(f"[{keys[index + 1]}]")
    return steps
