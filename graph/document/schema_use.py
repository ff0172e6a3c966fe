"""Which members of the schema an operation uses, as schema coordinates."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)


def coordinates_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> frozenset[str]:
    """Collect what a valid operation and the fragments it spreads use.

    `Type.field`, `Type.field(argument:)`, `Input.field` and `Enum.VALUE`. Introspection is left
    out, and so are input fields and enum values in the values of variables: the document does not
    have them.
    """
    found: set[str] = set()
    spread: set[str] = set()
    pending: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
    while pending:
        node = pending.pop()
        uses = _Uses(schema)
        visit(node, TypeInfoVisitor(uses.types, uses))
        found |= uses.found
        new = uses.spread - spread
        spread |= new
        pending += [fragments[name] for name in new if name in fragments]
    return frozenset(found)


class _Uses(Visitor):
    """Collects coordinates, and the names of fragments."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.found: set[str] = set()
        self.spread: set[str] = set()

    def enter_field(self, node: Any, *_: Any) -> None:
        parent = self.types.get_parent_type()
        name = node.name.value
        if parent is None or name.startswith("__") or parent.name.startswith("__"):
            return
        self.found.add(f"{parent.name}.{name}")
        self.found |= {f"{parent.name}.{name}({each.name.value}:)" for each in node.arguments or ()}

    def enter_object_field(self, node: Any, *_: Any) -> None:
        parent = get_named_type(self.types.get_parent_input_type())
        if parent is not None:
            self.found.add(f"{parent.name}.{node.name.value}")

    def enter_enum_value(self, node: Any, *_: Any) -> None:
        type_ = get_named_type(self.types.get_input_type())
        if type_ is not None and not type_.name.startswith("__"):
            self.found.add(f"{type_.name}.{node.value}")

    def enter_fragment_spread(self, node: Any, *_: Any) -> None:
        self.spread.add(node.name.value)
