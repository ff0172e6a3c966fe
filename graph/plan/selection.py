"""What an operation selects, as a tree: fragments and directives applied, fields of one response name merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    value_from_ast_untyped,
    visit,
)
from graphql.type import is_composite_type

_PLANNED_DIRECTIVES = {"skip", "include"}
_MOST_OBJECTS = 64
"""Places of a tree where objects stand: compiling one takes about a millisecond, in which the loop serves nobody."""


class NotPlanned(Exception):  # noqa: N818 - says what is the case
    """A document that plans do not cover; graphql-core runs it. `reason` is a word for the counter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False)
class Field:
    """A selected field. `below` is its selection by the name of the possible type; empty for a leaf.

    `definition` is None for `__typename`.
    """

    response_name: str
    parent: GraphQLObjectType
    node: FieldNode
    definition: GraphQLField | None
    below: dict[str, list["Field"]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.node.name.value


class SelectionBuilder:
    """Builds the tree of one operation; `variables` are those that directives use."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, dict(variables)
        self._objects_left = _MOST_OBJECTS

    def fields(self, of: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> list[Field]:
        """List the fields that execution would resolve on an object, in the response's order. Raises NotPlanned."""
        grouped: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()  # one for all sets, as in execution: else nested spreads would double at every level
        for selections in sets:
            self._collect(of, selections, grouped, seen)
        return [self._field(of, name, nodes) for name, nodes in grouped.items()]

    def _collect(
        self, of: GraphQLObjectType, selections: SelectionSetNode, grouped: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selections.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                grouped.setdefault((node.alias or node.name).value, []).append(node)
                continue
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in seen:
                    continue
                seen.add(node.name.value)
                fragment: Any = self._fragments[node.name.value]
            else:
                fragment = node
            if self._applies(of, fragment.type_condition):
                self._collect(of, fragment.selection_set, grouped, seen)

    def _field(self, of: GraphQLObjectType, response_name: str, nodes: list[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            return Field(response_name, of, nodes[0], None)
        definition = of.fields.get(name)
        if definition is None:
            raise NotPlanned("introspection")
        found = Field(response_name, of, nodes[0], definition)
        named = get_named_type(definition.type)
        if is_composite_type(named):
            sets = [node.selection_set for node in nodes if node.selection_set]
            possible = self._possible(named)
            self._objects_left -= len(possible)
            if self._objects_left < 0:  # fragments write thousands with few tokens, whether or not there are rows
                raise NotPlanned("too many objects")
            found.below = {each.name: self.fields(each, sets) for each in possible}
        return found

    def _possible(self, named: Any) -> Sequence[GraphQLObjectType]:
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.get_possible_types(named)
        return (named,)

    def _applies(self, of: GraphQLObjectType, condition: Any) -> bool:
        if condition is None or condition.name.value == of.name:
            return True
        named = self._schema.get_type(condition.name.value)
        return isinstance(named, GraphQLInterfaceType | GraphQLUnionType) and self._schema.is_sub_type(named, of)

    def _is_included(self, node: SelectionNode) -> bool:
        included = True
        for directive in node.directives or ():
            name = directive.name.value
            if name not in _PLANNED_DIRECTIVES:
                raise NotPlanned(f"@{name}")
            (condition,) = directive.arguments or ()
            value = value_from_ast_untyped(condition.value, self._variables)
            included = included and bool(value) is (name == "include")
        return included


def variables_of(selected: Field) -> tuple[str, ...]:
    """Tell which variables a field's own arguments use, by name."""
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
