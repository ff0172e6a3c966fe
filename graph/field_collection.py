"""The specification's CollectFields: which fields execution would resolve on an object.

https://spec.graphql.org/September2026/#CollectFields()
"""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    value_from_ast_untyped,
)

GroupedFields = dict[str, list[FieldNode]]
"""Fields by response name, in the response's order."""


class FieldCollector:
    """Collects fields for one operation.

    `variables` are coerced; those that @skip and @include use are enough. None: they are not known,
    and each field is collected that some values select. @defer and @stream change nothing: what
    they put off is collected too.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any] | None,
    ) -> None:
        self._schema, self._fragments = schema, fragments
        self._variables = None if variables is None else dict(variables)

    def collect(
        self, object_type: GraphQLObjectType, selection_sets: Iterable[SelectionSetNode]
    ) -> GroupedFields:
        """Group the fields of several selection sets of one object.

        A fragment is visited once in all of them: nested spreads would double the work at every
        level otherwise.
        """
        grouped: GroupedFields = {}
        visited: set[str] = set()
        pending: list[SelectionNode] = [
            node for each in selection_sets for node in each.selections
        ][::-1]
        while pending:
            node = pending.pop()
            if node.directives and not is_included(node, self._variables):
                continue
            if isinstance(node, FieldNode):
                grouped.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in visited:
                    visited.add(name)
                    pending += self._selections(object_type, self._fragments[name])[::-1]
            elif isinstance(node, InlineFragmentNode):
                pending += self._selections(object_type, node)[::-1]
        return grouped

    def _selections(
        self, object_type: GraphQLObjectType, fragment: FragmentDefinitionNode | InlineFragmentNode
    ) -> tuple[SelectionNode, ...]:
        """List a fragment's selections; none where its type condition does not apply."""
        condition = fragment.type_condition
        if condition is not None and condition.name.value != object_type.name:
            named = self._schema.get_type(condition.name.value)
            if not isinstance(
                named, GraphQLInterfaceType | GraphQLUnionType
            ) or not self._schema.is_sub_type(named, object_type):
                return ()
        return fragment.selection_set.selections


def is_included(node: SelectionNode, variables: Mapping[str, Any] | None) -> bool:
    """Tell whether @skip and @include select a node. None: some values of variables would."""
    for directive in node.directives or ():
        name = directive.name.value
        if name in {"skip", "include"} and directive.arguments:
            given = directive.arguments[0].value
            if variables is None and isinstance(given, VariableNode):
                continue
            value = value_from_ast_untyped(given, None if variables is None else dict(variables))
            if bool(value) is (name == "skip"):
                return False
    return True
