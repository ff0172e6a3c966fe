"""Splits an operation with @defer and @stream into operations that are run one after the other.

The first one has all that is not put off. Each deferred fragment becomes an operation of its own,
which has the fields that lead to the fragment, with their arguments, and the fragment's selections.
A streamed list is read as far as it is sent at once, where nothing else depends on how many entries
its connection has; an operation of its own then reads all. Otherwise it stays where it is, and its
entries are held back once they are read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from graphql import (
    ArgumentNode,
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)
from graphql.execution.values import VariableValues

from graph.delivery.parts import AnswerPart, Condition, ResponsePath, SplitOperation
from graph.document.operation import Operation
from graph.document.part_directives import PARTS, initial_count, is_on
from graph.field_collection import is_included
from graph.pagination import DEFAULT_SIZE

MOST_PARTS = 16
"""An operation with more of them is answered at once: each is a statement of its own."""
MOST_PLACES = 3000
"""In how many objects of the answer parts may belong, all parts together: more is answered at once.

The event loop looks each up after each part, 3,000 in some 20 ms.
"""
_BESIDE_ROWS = {"totalCount", "__typename"}
"""Members of a connection that do not depend on how many entries it has."""
_TYPE_NAME = FieldNode(
    name=NameNode(value="__typename"), arguments=(), directives=(), selection_set=None
)
_NODES_PER_TOKEN = 2
"""How far an operation may grow where its fragments are written out."""


class _TooMuch(Exception):
    """There are too many parts, or places of them, or fragments that are spread too often."""


class _Place(NamedTuple):
    """Where a selection is: below `chain`, fields and type conditions from the root on."""

    chain: tuple[FieldNode | NamedTypeNode, ...] = ()
    path: ResponsePath = ()
    conditions: tuple[Condition, ...] = ()
    parent: AnswerPart | None = None


def split(
    schema: GraphQLSchema, operation: Operation, variables: VariableValues
) -> SplitOperation | None:
    """Split an operation. Of the variables only those in directives matter.

    None: nothing is put off, or too much of it.
    """
    if not operation.has_parts:
        return None
    try:
        return _Splitter(schema, operation, variables).split()
    except (_TooMuch, RecursionError):
        return None


class _ResponseNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.found[(node.alias or node.name).value] += 1


class _Splitter:
    def __init__(
        self, schema: GraphQLSchema, operation: Operation, variables: VariableValues
    ) -> None:
        self._schema, self._of = schema, operation
        self._values, self._variables = variables, variables.coerced
        self._fragments = operation.fragments
        self._putting_off = _fragments_with_parts(operation)
        self._parts: list[AnswerPart] = []
        self._spread: set[tuple[Any, ...]] = set()
        self._nodes = self._places = 0
        self._most_nodes = _NODES_PER_TOKEN * operation.limits.max_tokens
        self._hidden, self._has_hidden = "__type", False
        while self._hidden in operation.document_text:
            self._hidden += "_"

    def split(self) -> SplitOperation | None:
        node, root = self._of.node, self._schema.get_root_type(self._of.node.operation)
        assert root is not None
        kept = self._selections(node.selection_set, root, _Place())
        if not self._parts:
            return None
        first = self._operation((), kept or [self._type_name()])
        return SplitOperation(first, self._parts, self._hidden, self._has_hidden, self._nodes)

    def _selections(
        self, of: SelectionSetNode, parent: GraphQLNamedType, place: _Place
    ) -> list[SelectionNode]:
        """Keep what is not put off, and collect the parts."""
        kept: list[SelectionNode] = []
        for node in of.selections:
            if node.directives and not is_included(node, self._variables):
                continue
            self._nodes += 1
            if self._nodes > self._most_nodes:
                raise _TooMuch
            if isinstance(node, FieldNode):
                kept.append(self._field(node, parent, place))
            elif isinstance(node, FragmentSpreadNode | InlineFragmentNode):
                kept += self._fragment(node, parent, place)
        return kept

    def _field(self, node: FieldNode, parent: GraphQLNamedType, place: _Place) -> FieldNode:
        declared = getattr(parent, "fields", {}).get(node.name.value)
        if node.selection_set is None or declared is None:  # a leaf, or about the schema
            return _field(node, node.selection_set.selections if node.selection_set else None)
        named = get_named_type(declared.type)
        path = (*place.path, (node.alias or node.name).value)
        below = place._replace(chain=(*place.chain, node), path=path)
        stream, parts = self._stream(node, below), len(self._parts)
        kept = self._selections(node.selection_set, named, below)
        if not kept or (is_abstract_type(named) and len(self._parts) > parts):
            kept.append(self._type_name())
        if stream is not None:
            stream.selections = tuple(kept)
        shortened = None
        if "first" in declared.args:
            shortened = self._shortened(node, kept, below, self._parts[parts:])
        return shortened or _field(node, kept)

    def _shortened(
        self,
        node: FieldNode,
        kept: Sequence[SelectionNode],
        place: _Place,
        parts: Sequence[AnswerPart],
    ) -> FieldNode | None:
        """Read a connection as far as its list is sent at once. None: it has to be read wholly."""
        listed = [each for each in kept if isinstance(each, FieldNode)]
        streams = [each for each in parts if each.first and each.path[:-1] == place.path]
        rest = [each for each in listed if each.name.value not in _BESIDE_ROWS]
        if len(listed) != len(kept) or len(streams) != 1 or len(rest) != 1:
            return None
        [stream], [field] = streams, rest
        name = place.path[-1]
        if stream.path[-1] != (field.alias or field.name).value or self._response_names[name] > 1:
            return None
        arguments = self._first(node, stream.first or 0)
        if arguments is None:
            return None
        stream.operation = self._operation(place.chain, [field])
        return _field(node, kept, arguments)

    def _first(self, node: FieldNode, count: int) -> list[ArgumentNode] | None:
        """Make the arguments of a connection that has only its first entries.

        None where it has no more, or has them from its end.
        """
        others, size = [], DEFAULT_SIZE
        for each in node.arguments or ():
            value = each.value
            if isinstance(value, VariableNode):
                given = self._variables.get(value.name.value)
            else:
                given = None if isinstance(value, NullValueNode) else getattr(value, "value", value)
            if each.name.value in {"last", "before"} and given is not None:
                return None
            if each.name.value != "first":
                others.append(each)
            elif given is not None:
                size = int(given)
        if size <= count:
            return None
        first = IntValueNode(value=str(count))
        return [*others, ArgumentNode(name=NameNode(value="first"), value=first)]

    @cached_property
    def _response_names(self) -> Counter[str]:
        """How often each response name stands in the document."""
        names = _ResponseNames()
        for each in (self._of.node, *self._fragments.values()):
            visit(each, names)
        return names.found

    def _stream(self, node: FieldNode, place: _Place) -> AnswerPart | None:
        directive = _directive(node, "stream")
        if directive is None or not is_on(directive, self._variables):
            return None
        return self._add(_label(directive), place, initial_count(directive, self._variables))

    def _fragment(
        self, node: FragmentSpreadNode | InlineFragmentNode, parent: GraphQLNamedType, place: _Place
    ) -> list[SelectionNode]:
        directive = _directive(node, "defer")
        is_put_off = directive is not None and is_on(directive, self._variables)
        fragment: Any = node
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if not is_put_off and name not in self._putting_off:
                return [FragmentSpreadNode(name=node.name, directives=())]
            if (mark := (name, place.path, place.conditions, place.parent)) in self._spread:
                return []
            self._spread.add(mark)
            fragment = self._fragments[name]
        condition: NamedTypeNode | None = fragment.type_condition
        of, inner = self._narrowed(parent, condition, place)
        if directive is None or not is_put_off:
            kept = self._selections(fragment.selection_set, of, inner)
            return [_inline(condition, kept)] if kept else []
        part = self._add(_label(directive), inner)
        kept = self._selections(fragment.selection_set, of, inner._replace(parent=part))
        part.selections = tuple(kept)
        if kept:
            part.operation = self._operation(inner.chain, kept)
        return []

    def _narrowed(
        self, parent: GraphQLNamedType, condition: NamedTypeNode | None, place: _Place
    ) -> tuple[GraphQLNamedType, _Place]:
        """Get the type of a fragment's objects, and its place with the condition on them."""
        if condition is None or not is_abstract_type(parent):
            return parent, place
        of = self._schema.get_type(condition.name.value)
        assert of is not None
        types = frozenset({of.name}) if isinstance(of, GraphQLObjectType) else self._names(of)
        return of, place._replace(
            chain=(*place.chain, condition),
            conditions=(*place.conditions, Condition(len(place.path), types)),
        )

    def _names(self, of: GraphQLNamedType) -> frozenset[str]:
        assert isinstance(of, GraphQLAbstractType)
        return frozenset(each.name for each in self._schema.get_possible_types(of))

    def _add(self, label: str | None, place: _Place, first: int | None = None) -> AnswerPart:
        self._places += self._operation(place.chain, [_TYPE_NAME]).cost(self._values).points
        if len(self._parts) == MOST_PARTS or self._places > MOST_PLACES:
            raise _TooMuch
        part = AnswerPart(label, place.path, place.parent, place.conditions, first)
        self._parts.append(part)
        return part

    def _operation(
        self, chain: Sequence[FieldNode | NamedTypeNode], selections: Sequence[SelectionNode]
    ) -> Operation:
        """Make an operation of selections below a chain."""
        for each in reversed(chain):
            if isinstance(each, FieldNode):
                selections = [_field(each, selections)]
            else:
                # an object of another type has a member too
                selections = [_inline(each, selections), self._type_name()]
        node = OperationDefinitionNode(
            operation=self._of.node.operation,
            name=self._of.node.name,
            variable_definitions=self._of.node.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(selections)),
        )
        return replace(self._of, node=node, has_parts=False, derived=None, derived_bytes=0)

    def _type_name(self) -> FieldNode:
        self._has_hidden = True
        return FieldNode(
            alias=NameNode(value=self._hidden),
            name=NameNode(value="__typename"),
            arguments=(),
            directives=(),
            selection_set=None,
        )


def _fragments_with_parts(operation: Operation) -> set[str]:
    """Name the fragments that put something off, themselves or in those that they spread."""
    spreads: dict[str, set[str]] = {}
    found: set[str] = set()
    for name, fragment in operation.fragments.items():
        spreads[name] = set()
        pending: list[SelectionSetNode] = [fragment.selection_set]
        while pending:
            for node in pending.pop().selections:
                if any(each.name.value in PARTS for each in node.directives or ()):
                    found.add(name)
                if isinstance(node, FragmentSpreadNode):
                    spreads[name].add(node.name.value)
                elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                    pending.append(node.selection_set)
    before = -1
    while before != len(found):
        before = len(found)
        found |= {name for name, spread in spreads.items() if spread & found}
    return found


def _directive(node: SelectionNode, name: str) -> DirectiveNode | None:
    return next((each for each in node.directives or () if each.name.value == name), None)


def _label(directive: DirectiveNode) -> str | None:
    for each in directive.arguments or ():
        if each.name.value == "label" and isinstance(each.value, StringValueNode):
            return each.value.value
    return None


def _field(
    node: FieldNode,
    selections: Sequence[SelectionNode] | None,
    arguments: Sequence[ArgumentNode] | None = None,
) -> FieldNode:
    """Copy a field with other selections, perhaps other arguments, and without directives."""
    below = None if selections is None else SelectionSetNode(selections=tuple(selections))
    return FieldNode(
        alias=node.alias,
        name=node.name,
        arguments=node.arguments if arguments is None else tuple(arguments),
        directives=(),
        selection_set=below,
        loc=node.loc,
    )


def _inline(
    condition: NamedTypeNode | None, selections: Sequence[SelectionNode]
) -> InlineFragmentNode:
    return InlineFragmentNode(
        type_condition=condition,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(selections)),
    )
