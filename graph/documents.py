"""Documents, parsed and validated once, and the plans of their operations; kept, the least used dropped first."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_operation_ast,
    parse,
    validate,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import Undefined

from graph.cost import SIZES, Path
from graph.schema import Schema

MAX_KEPT_TEXT = 512 * 1024
"""Characters of documents that are kept, together: a parsed one takes some 60 times its text."""
_MAX_KEPT = 64  # operations of a document, costs of an operation
_MAX_VARIANTS = 8  # trees and plans of an operation
_MAX_ANSWERS = 4
_INTROSPECTION = {"__schema", "__type"}
_MAX_TEXT = 8 * 1024  # a longer document is not kept


class Kept(OrderedDict[Any, Any]):
    """A mapping of bounded size: reading keeps an entry alive, the one not read for longest goes first."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def find(self, key: Any) -> Any:
        """Get an entry, None where there is none."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def keep(self, key: Any, value: Any) -> None:
        self[key] = value
        if len(self) > self._limit:
            self.popitem(last=False)


@dataclass(eq=False)
class Operation:
    """One operation of a valid document, with all that was found out about it."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    directive_variables: tuple[str, ...]
    size_variables: tuple[str, ...]
    trees: Kept = field(default_factory=lambda: Kept(_MAX_VARIANTS))
    plans: Kept = field(default_factory=lambda: Kept(_MAX_VARIANTS))
    costs: Kept = field(default_factory=lambda: Kept(_MAX_KEPT))
    answers: Kept = field(default_factory=lambda: Kept(_MAX_ANSWERS))
    """Answers of an introspection, by its variables."""
    plain_types: dict[str, type] | None = None
    """Python type of each variable, where all are ids, texts or booleans: most are, and then need no coercion."""

    @property
    def name(self) -> str | None:
        return self.node.name.value if self.node.name else None

    @property
    def asks_about_schema(self) -> bool:
        return self.is_introspection

    @property
    def is_introspection(self) -> bool:
        """Whether all that is asked is about the schema."""
        selections = self.node.selection_set.selections
        return all(isinstance(each, FieldNode) and each.name.value in _INTROSPECTION for each in selections)

    @property
    def is_query(self) -> bool:
        return self.node.operation is OperationType.QUERY

    def variables(self, schema: Schema, raw: Mapping[str, Any]) -> VariableValues | None:
        """Coerce variables; None where they do not fit, and graphql-core is to say why."""
        if not self.node.variable_definitions:
            return _NO_VARIABLES
        if self._are_plain(raw):
            return VariableValues({}, dict(raw))
        coerced = get_variable_values(schema.core, self.node.variable_definitions, dict(raw))
        return None if isinstance(coerced, list) else coerced

    def _are_plain(self, raw: Mapping[str, Any]) -> bool:
        """Whether all variables are given, as values that coercion would leave as they are."""
        if self.plain_types is None or len(raw) != len(self.plain_types):
            return False
        return all(type(raw.get(name)) is type_ for name, type_ in self.plain_types.items())

    def cost(self, schema: Schema, variables: VariableValues) -> tuple[int, Path]:
        """Tell cost and dearest path; computed once for the values that decide it."""
        key = _hashable(variables.coerced, self.size_variables)
        found: tuple[int, Path] | None = self.costs.find(key)
        if found is None:
            found = schema.costs.cost(self.node, self.fragments, variables.coerced)
            self.costs.keep(key, found)
        return found

    def directives(self, variables: VariableValues) -> tuple[Any, ...]:
        """Values of the variables that @skip and @include use."""
        return tuple(variables.coerced.get(name) for name in self.directive_variables)


_PLAIN = {"ID": str, "String": str, "Boolean": bool}
_NO_VARIABLES = VariableValues({}, {})


@dataclass(eq=False)
class Document:
    """A valid document; `operations` by name, with None for the only one."""

    ast: DocumentNode | None
    errors: list[GraphQLError] = field(default_factory=list)
    tokens: int = 0
    operations: dict[str | None, Operation | None] = field(default_factory=dict)

    def operation(self, name: str | None) -> Operation | None:
        """Get the operation that a request names; None where it names none, and graphql-core is to say so."""
        if name not in self.operations:
            if len(self.operations) > _MAX_KEPT:
                return None
            self.operations[name] = self._prepare(name)
        return self.operations[name]

    def _prepare(self, name: str | None) -> Operation | None:
        node = get_operation_ast(self.ast, name) if self.ast else None
        if self.ast is None or node is None:
            return None
        fragments = {each.name.value: each for each in self.ast.definitions if isinstance(each, FragmentDefinitionNode)}
        uses = _VariableUses()
        visit(self.ast, uses)
        directive_variables = tuple(sorted(uses.in_directives))
        size_variables = tuple(sorted(uses.in_sizes | uses.in_directives))
        return Operation(node, fragments, directive_variables, size_variables, plain_types=_plain_types(node))


def _plain_types(node: OperationDefinitionNode) -> dict[str, type] | None:
    found: dict[str, type] = {}
    for each in node.variable_definitions or ():
        named = each.type.type if isinstance(each.type, NonNullTypeNode) else each.type
        if not isinstance(named, NamedTypeNode) or named.name.value not in _PLAIN:
            return None
        found[each.variable.name.value] = _PLAIN[named.name.value]
    return found


class Documents:
    """The documents of one schema, by their text."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._text = 0

    def known(self, text: str) -> Document | None:
        """Get a document that is kept."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    async def read(self, text: str) -> Document:
        """Read a document, sound or not."""
        found = self._read(text)
        if not found.errors and len(text) <= _MAX_TEXT:
            self._keep(text, found)
        return found

    def _keep(self, text: str, document: Document) -> None:
        self._kept[text] = document
        self._text += len(text)
        while self._text > MAX_KEPT_TEXT:
            dropped, _ = self._kept.popitem(last=False)
            self._text -= len(dropped)

    def _read(self, text: str) -> Document:
        try:
            ast = parse(text)
        except GraphQLError as error:
            return Document(None, [error])
        return Document(ast, validate(self._schema.core, ast))


def _hashable(values: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Make a key of some variables' values: lists by their length, which is all that a cost depends on."""
    found = (values.get(name, Undefined) for name in names)
    return tuple(len(each) if isinstance(each, list) else each for each in found)


class _VariableUses(Visitor):
    """Collects the variables used in directives, and in arguments that size lists."""

    def __init__(self) -> None:
        super().__init__()
        self.in_directives: set[str] = set()
        self.in_sizes: set[str] = set()

    def enter_directive(self, node: Any, *_: Any) -> None:
        self.in_directives |= {
            each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)
        }

    def enter_argument(self, node: Any, *_: Any) -> None:
        if node.name.value in SIZES:
            values = getattr(node.value, "values", None) or (node.value,)
            self.in_sizes |= {each.name.value for each in values if isinstance(each, VariableNode)}
