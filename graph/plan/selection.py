"""The tree of an operation's selected fields, with fragments and directives applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)
from graphql.type import is_composite_type
from strawberry.types.field import StrawberryField

from graph.field_collection import FieldCollector

_MOST_OBJECTS = 100
"""Objects in a tree. Compiling one takes about a millisecond, during which the event loop waits."""


class NotPlanned(Exception):
    """Plans do not cover the operation, so graphql-core runs it. `reason` is for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False)
class SelectedField:
    """A selected field. `below` has its selection by possible type. It is empty for a leaf.

    `definition` is None for `__typename`.
    """

    response_name: str
    parent: GraphQLObjectType
    node: FieldNode
    definition: GraphQLField | None
    below: dict[str, list["SelectedField"]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.node.name.value


class SelectionBuilder:
    """Builds the tree of one operation. `variables` are those that directives use."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._collector = FieldCollector(schema, fragments, variables)
        self._objects_left = _MOST_OBJECTS

    def fields(
        self, of: GraphQLObjectType, sets: Sequence[SelectionSetNode]
    ) -> list[SelectedField]:
        """List the fields of an object in the response's order. Raises NotPlanned."""
        grouped = self._collector.collect(of, sets)
        return [self._field(of, name, nodes) for name, nodes in grouped.items()]

    def _field(
        self, of: GraphQLObjectType, response_name: str, nodes: list[FieldNode]
    ) -> SelectedField:
        name = nodes[0].name.value
        if name == "__typename":
            return SelectedField(response_name, of, nodes[0], None)
        definition = of.fields.get(name)
        if definition is None:
            raise NotPlanned("introspection")
        found = SelectedField(response_name, of, nodes[0], definition)
        named = get_named_type(definition.type)
        if is_composite_type(named):
            sets = [node.selection_set for node in nodes if node.selection_set]
            possible = self._possible(named)
            self._objects_left -= len(possible)
            # fragments write thousands with few tokens, whether or not there are rows
            if self._objects_left < 0:
                raise NotPlanned("too many objects")
            found.below = {each.name: self.fields(each, sets) for each in possible}
        return found

    def _possible(self, named: Any) -> Sequence[GraphQLObjectType]:
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.get_possible_types(named)
        return (named,)


def variables_of(selected: SelectedField) -> tuple[str, ...]:
    """Get the names of the variables in a field's own arguments."""
    variables = _Variables()
    for argument in selected.node.arguments or ():
        visit(argument, variables)
    return tuple(sorted(variables.found))


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.found.add(node.name.value)


def declared(selected: SelectedField) -> StrawberryField:
    """Get the Strawberry field that a selected field was declared with."""
    assert selected.definition is not None
    made: StrawberryField = selected.definition.extensions["strawberry-definition"]
    return made
