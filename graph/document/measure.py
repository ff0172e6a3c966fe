"""Measures a document against limits before validation, which is slow for large documents.

Depth is levels of fields: `{ a { b } }` has two, and fragments add none. What is below `__schema`
and `__type` does not count; it has a limit of its own, which the introspection of every client
fits. Aliases and root fields are those of one operation, a fragment's at each place where it is
spread, and the operation with the most of them counts. Directives are those of the whole document,
as written.

Of the response names of a field one counts as no alias: its own name, else the first alias of it in
the document. With that instead of the name a document asks for no more than without. Isograph gives
each field with arguments an alias, which is its only one unless the arguments differ.

Each definition is walked once and each fragment added up once, without recursion, so the time is
that of the tokens however fragments spread each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graph.document.errors import (
    MAX_COUNT,
    too_deep,
    too_many_aliases,
    too_many_directives,
    too_many_root_fields,
)
from graph.document.limits import DocumentLimits

MAX_SCHEMA_DEPTH = 24
"""Levels below `__schema` and `__type`; the introspection query of graphql-js has 14."""
_SCHEMA_FIELDS = {"__schema", "__type"}


class Measures(NamedTuple):
    """Measures of a definition with its fragments.

    `schema_depth` is the depth below `__schema` or `__type`.
    """

    depth: int = 0
    schema_depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    asks_about_schema: bool = False


class _Spread(NamedTuple):
    """A fragment spread and its position."""

    name: str
    depth: int
    is_in_schema: bool
    is_at_root: bool


class _Pending(NamedTuple):
    selections: SelectionSetNode
    depth: int
    is_in_schema: bool
    is_at_root: bool


class _FieldName(NamedTuple):
    """A field, and what it is called in the answer."""

    field: str
    response_name: str


@dataclass(slots=True)
class _Walked:
    """A definition's own measures, without fragments and aliases, its spreads and its fields."""

    own: Measures
    spreads: list[_Spread]
    fields: list[_FieldName]


@dataclass
class _Walk:
    """Walks one definition's selections level by level, and collects the document's directives."""

    directives: list[Node]
    spreads: list[_Spread] = field(default_factory=list)
    fields: list[_FieldName] = field(default_factory=list)
    depths: list[int] = field(default_factory=lambda: [0, 0])
    root_fields: int = 0
    asks_about_schema: bool = False

    def run(self, definition: Any) -> _Walked:
        self._note_directives(definition)
        for variable in getattr(definition, "variable_definitions", None) or ():
            self._note_directives(variable)
        pending = [_Pending(definition.selection_set, 0, False, True)]
        while pending:
            level = pending.pop()
            for node in level.selections.selections:
                self._note_directives(node)
                if isinstance(node, FieldNode):
                    self._enter_field(node, level, pending)
                elif isinstance(node, FragmentSpreadNode):
                    self.spreads.append(_Spread(node.name.value, *level[1:]))
                elif isinstance(node, InlineFragmentNode):
                    pending.append(level._replace(selections=node.selection_set))
        own = Measures(self.depths[0], self.depths[1], 0, self.root_fields, self.asks_about_schema)
        return _Walked(own, self.spreads, self.fields)

    def _note_directives(self, node: Any) -> None:
        if node.directives:
            self.directives.extend(node.directives)

    def _enter_field(self, node: FieldNode, level: _Pending, pending: list[_Pending]) -> None:
        depth = level.depth + 1
        self.depths[level.is_in_schema] = max(self.depths[level.is_in_schema], depth)
        self.fields.append(_FieldName(node.name.value, (node.alias or node.name).value))
        self.root_fields += level.is_at_root
        begins_schema = node.name.value in _SCHEMA_FIELDS
        self.asks_about_schema |= begins_schema
        if node.selection_set is None:
            return
        if begins_schema and not level.is_in_schema:
            pending.append(_Pending(node.selection_set, 0, True, False))
        else:
            pending.append(_Pending(node.selection_set, depth, level.is_in_schema, False))


class DocumentMeasure:
    """The measures of one document."""

    def __init__(self, document: DocumentNode) -> None:
        self.directives: list[Node] = []
        self._fragments: dict[str, _Walked] = {}
        self._operations: list[tuple[OperationDefinitionNode, _Walked]] = []
        for node in document.definitions:
            if isinstance(node, FragmentDefinitionNode):
                self._fragments[node.name.value] = _Walk(self.directives).run(node)
            elif isinstance(node, OperationDefinitionNode):
                self._operations.append((node, _Walk(self.directives).run(node)))
        self._count_aliases()
        self._totals = self._add_up()

    def operations(self) -> Iterable[tuple[OperationDefinitionNode, Measures]]:
        """Get the operations with their measures."""
        return ((node, self._total(walked)) for node, walked in self._operations)

    def fragments(self) -> Iterable[Measures]:
        """Get the measures of the fragments, spread or not."""
        return self._totals.values()

    def _count_aliases(self) -> None:
        """Count each definition's aliases: response names other than the one of each field."""
        definitions = [*(each for _, each in self._operations), *self._fragments.values()]
        names: dict[str, str] = {}
        for walked in definitions:
            for each in walked.fields:
                if each.field == each.response_name or each.field not in names:
                    names[each.field] = each.response_name
        for walked in definitions:
            aliases = sum(names[each.field] != each.response_name for each in walked.fields)
            walked.own = walked.own._replace(aliases=aliases)

    def _add_up(self) -> dict[str, Measures]:
        """Add up each fragment after those it spreads. Spreads that close a cycle add nothing."""
        totals: dict[str, Measures] = {}
        begun: set[str] = set()
        for name in self._fragments:
            path = [name] if name not in begun else []
            left = {name: iter(self._fragments[name].spreads)}
            while path:
                begun.add(path[-1])
                ahead = next((each.name for each in left[path[-1]] if each.name not in begun), None)
                if ahead is None:
                    done = path.pop()
                    totals[done] = self._total(self._fragments[done], totals)
                elif ahead in self._fragments:
                    path.append(ahead)
                    left[ahead] = iter(self._fragments[ahead].spreads)
        return totals

    def _total(self, walked: _Walked, totals: dict[str, Measures] | None = None) -> Measures:
        totals = self._totals if totals is None else totals
        depth, schema_depth, aliases, root_fields, asks_about_schema = walked.own
        for spread in walked.spreads:
            spread_extent = totals.get(spread.name)
            if spread_extent is None:
                continue
            below, schema_below, more_aliases, more_fields, asks = spread_extent
            if spread.is_in_schema:
                schema_depth = max(schema_depth, spread.depth + max(below, schema_below))
            else:
                depth, schema_depth = (
                    max(depth, spread.depth + below),
                    max(schema_depth, schema_below),
                )
            aliases = min(aliases + more_aliases, MAX_COUNT)
            root_fields = min(root_fields + more_fields * spread.is_at_root, MAX_COUNT)
            asks_about_schema |= asks
        return Measures(depth, schema_depth, aliases, root_fields, asks_about_schema)


def limit_errors(measure: DocumentMeasure, limits: DocumentLimits) -> list[GraphQLError]:
    """Make an error for each exceeded limit, at the operation that exceeds it most."""
    found: list[GraphQLError] = []
    deepest = max((each.depth for each in measure.fragments()), default=0)
    if deepest > max(limits.max_depth, MAX_SCHEMA_DEPTH):
        found.append(too_deep(deepest, limits.max_depth, None))
    operations = list(measure.operations())
    if not found and (passed := _most(operations, "depth", limits.max_depth)):
        found.append(too_deep(passed[1].depth, limits.max_depth, passed[0]))
    if passed := _most(operations, "schema_depth", MAX_SCHEMA_DEPTH):
        found.append(
            too_deep(
                passed[1].schema_depth, MAX_SCHEMA_DEPTH, passed[0], "below __schema and __type"
            )
        )
    if passed := _most(operations, "aliases", limits.max_aliases):
        found.append(too_many_aliases(passed[1].aliases, limits.max_aliases, passed[0]))
    if passed := _most(operations, "root_fields", limits.max_root_fields):
        found.append(too_many_root_fields(passed[1].root_fields, limits.max_root_fields, passed[0]))
    if len(measure.directives) > limits.max_directives:
        at = measure.directives[limits.max_directives]
        found.append(too_many_directives(len(measure.directives), limits.max_directives, at))
    return found


def _most(
    operations: list[tuple[OperationDefinitionNode, Measures]], what: str, limit: int
) -> tuple[OperationDefinitionNode, Measures] | None:
    most = max(operations, key=lambda each: getattr(each[1], what), default=None)
    return most if most is not None and getattr(most[1], what) > limit else None
