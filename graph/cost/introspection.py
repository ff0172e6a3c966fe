"""What `__schema` and `__type` cost: their lists, or the fields of the answer if those are more.

The fields are counted without making the answer: graphql-core takes some 4 microseconds for each,
and a few aliases ask for ten thousands. The count follows the selections with all objects that a
path reaches together. Aliases of a path share them, so counting takes much less time than
answering. Prices are in `graph/cost/prices.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

from graph.cost.prices import INTROSPECTION, INTROSPECTION_GROWTH, MEMBERS_PER_POINT
from graph.field_collection import FieldCollector

INTROSPECTION_FIELDS = {"__schema": "__Schema", "__type": "__Type"}
"""The root fields that ask about the schema, with their types."""


@dataclass(eq=False, slots=True)
class _Reached:
    """The objects that a path reaches, each with how often, by an id of the object."""

    counts: dict[int, tuple[Any, int]]
    below: dict[str, "_Reached"] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum([times for _, times in self.counts.values()])


class IntrospectionCost:
    """The cost of what one operation asks about the schema."""

    def __init__(
        self, schema: GraphQLSchema, fields: FieldCollector, variables: Mapping[str, Any]
    ) -> None:
        self._schema, self._fields, self._variables = schema, fields, dict(variables)
        self._info: Any = SimpleNamespace(schema=schema)
        self._roots: dict[Any, _Reached] = {}
        self._known_members: dict[Any, int] = {}
        self._known_lists: dict[Any, int] = {}

    def points(self, nodes: list[FieldNode]) -> int:
        """Compute the cost of the root field `nodes`. `__typename` costs nothing."""
        type_name = INTROSPECTION_FIELDS.get(nodes[0].name.value)
        if type_name is None:
            return 0
        of = self._schema.get_type(type_name)
        assert isinstance(of, GraphQLObjectType)
        lists = self._lists(of, selections_of(nodes), INTROSPECTION)
        return INTROSPECTION + max(lists, self._members(of, nodes) // MEMBERS_PER_POINT)

    def _lists(
        self, of: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], each: int
    ) -> int:
        """Compute the cost of the lists selected below `__schema` or `__type`.

        A list costs `each`, and lists inside it more.
        """
        key = (of.name, tuple(map(id, selections)), each)
        if key not in self._known_lists:
            total = 0
            for nodes in self._fields.collect(of, selections).values():
                declared = of.fields.get(nodes[0].name.value)
                named = get_named_type(declared.type) if declared is not None else None
                if declared is None or not isinstance(named, GraphQLObjectType):
                    continue
                is_list = _is_list(declared.type)
                inside = each * INTROSPECTION_GROWTH if is_list else each
                total += (each if is_list else 0) + self._lists(named, selections_of(nodes), inside)
            self._known_lists[key] = total
        return self._known_lists[key]

    def _members(self, of: GraphQLObjectType, nodes: list[FieldNode]) -> int:
        """Count the fields of the answer. Deprecated members count, asked for or not."""
        name = nodes[0].name.value
        asked = None
        root: Any = self._schema
        if name == "__type":
            asked = _asked_type(nodes[0], self._variables)
            root = self._schema.get_type(asked) if isinstance(asked, str) else None
        if root is None:
            return 0
        reached = self._roots.setdefault((name, asked), _Reached({id(root): (root, 1)}))
        return self._below(of, nodes, reached)

    def _below(self, of: GraphQLObjectType, nodes: list[FieldNode], reached: _Reached) -> int:
        selections = selections_of(nodes)
        key = (id(reached), tuple(map(id, selections)))
        if key not in self._known_members:
            grouped, total = self._fields.collect(of, selections), 0
            members = reached.total
            for below in grouped.values():
                total += members
                declared = of.fields.get(below[0].name.value)
                named = get_named_type(declared.type) if declared is not None else None
                if isinstance(named, GraphQLObjectType) and members:
                    total += self._below(named, below, self._reach(of, reached, below[0]))
            self._known_members[key] = total
        return self._known_members[key]

    def _reach(self, of: GraphQLObjectType, reached: _Reached, node: FieldNode) -> _Reached:
        """Get the objects that a field returns on all reached ones, by graphql-core's resolver."""
        name = node.name.value
        if name not in reached.below:
            declared = of.fields[name]
            assert declared.resolve is not None
            arguments = {"includeDeprecated": True} if "includeDeprecated" in declared.args else {}
            is_list = _is_list(declared.type)
            found: dict[int, tuple[Any, int]] = {}
            for each, times in reached.counts.values():
                value = declared.resolve(each, self._info, **arguments)
                if value is not None:
                    _add(found, value if is_list else (value,), times)
            reached.below[name] = _Reached(found)
        return reached.below[name]


def selections_of(nodes: list[FieldNode]) -> tuple[SelectionSetNode, ...]:
    """Get the selection sets of one response name's fields."""
    return tuple(node.selection_set for node in nodes if node.selection_set)


def _add(found: dict[int, tuple[Any, int]], values: Iterable[Any], times: int) -> None:
    for each in values:
        # fields and arguments come as new pairs of name and definition
        key = id(each[1] if isinstance(each, tuple) else each)
        known = found.get(key)
        found[key] = (each, times if known is None else known[1] + times)


def _is_list(type_: Any) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def _asked_type(node: FieldNode, variables: dict[str, Any]) -> Any:
    """Get the name that `__type` is asked for."""
    for each in node.arguments or ():
        if each.name.value == "name":
            return value_from_ast_untyped(each.value, variables)
    return None
