"""Documents that were read, and their operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from sys import getsizeof
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    get_operation_ast,
    visit,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Undefined

from graph.coordinates import coordinate_at
from graph.cost.introspection import INTROSPECTION_FIELDS
from graph.cost.model import CostModel, OperationCost, Path
from graph.document.errors import copied
from graph.document.limits import DocumentLimits
from graph.document.part_directives import (
    PARTS,
    directives_in,
    misused,
    without_parts,
    without_streams,
)
from graph.document.validation import ValidationResult
from graph.document.variables import coerce_variables
from graph.field_collection import FieldCollector
from runtime.bounded_map import LruMap

_MAX_OPERATIONS = 64  # of a document
_MAX_COSTS = 32  # of an operation
# Sizes as tracemalloc measures them, somewhat above: `test_estimates_are_near_what_is_used`.
_NODE_BYTES = 270
_DOCUMENT_BYTES = 4000
_OPERATION_BYTES = 2000
_COST_BYTES = 400
_ERROR_BYTES = 1500
_NO_VARIABLES = VariableValues({}, {})
_PLAIN = {"ID": str, "String": str, "Boolean": bool}


@dataclass(slots=True)
class PreparedOperation:
    """An operation with the variables of one request and its cost, as in OperationCost."""

    operation: "Operation"
    variables: VariableValues
    cost: int
    path: Path
    is_search: bool

    def coordinate(self) -> str | None:
        """Get the schema coordinate of the most expensive part. None: it is the whole operation."""
        return self.operation.coordinate(self.path)


@dataclass(eq=False)
class Operation:
    """One operation of a valid document.

    `asks_about_schema`: whether it selects `__schema` or `__type` anywhere. `type_variables` are
    those that name a type for `__type`. `plain_types` has the Python type of each variable where
    all are ids, strings or booleans: most are, and need no coercion. Otherwise it is None.
    """

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    costs: CostModel
    limits: DocumentLimits
    asks_about_schema: bool
    directive_variables: tuple[str, ...]
    size_variables: tuple[str, ...]
    type_variables: tuple[str, ...] = ()
    plain_types: dict[str, type] | None = None
    document_text: str = ""
    has_parts: bool = False
    """Whether the document has @defer or @stream, also with an `if` that is false."""
    derived: Any = None
    """What the planner keeps for the operation."""
    derived_bytes: int = 0
    """The size of `derived`, estimated by the planner."""

    def __post_init__(self) -> None:
        self.name = self.node.name.value if self.node.name else None
        self.is_query = self.node.operation is OperationType.QUERY
        self.is_subscription = self.node.operation is OperationType.SUBSCRIPTION
        self.is_introspection = self.asks_about_schema and all(
            name in INTROSPECTION_FIELDS or name == "__typename" for name in self._root_fields()
        )
        """Whether it selects nothing else at its root, with any variables."""
        self._known_costs = LruMap[tuple[Any, ...], OperationCost](_MAX_COSTS)

    @property
    def bytes(self) -> int:
        """Approximate size of what is kept for the operation, beside its nodes."""
        varies = self.size_variables or self.type_variables
        return _OPERATION_BYTES + (_MAX_COSTS * _COST_BYTES if varies else 0) + self.derived_bytes

    def prepare(self, raw: Mapping[str, Any]) -> PreparedOperation | list[GraphQLError]:
        """Coerce the variables of a request and estimate the cost.

        Returns errors, each with its code, where the variables do not fit, or an argument of a
        directive.
        """
        if not self.node.variable_definitions:
            variables = _NO_VARIABLES
        elif self._are_plain(raw):
            variables = VariableValues({}, dict(raw))
        else:
            coerced = coerce_variables(
                self.costs.schema, self.node.variable_definitions, raw, self.limits
            )
            if isinstance(coerced, list):
                return coerced
            variables = coerced
        coerced_values = variables.coerced
        unsure = self.has_parts or any(
            coerced_values.get(each, Undefined) is None for each in self.directive_variables
        )
        if unsure and (errors := misused(self._directives, coerced_values)):
            return errors
        return PreparedOperation(self, variables, *self.cost(variables))

    def cost(self, variables: VariableValues) -> OperationCost:
        """Estimate the cost, once for equal sizes and directives."""
        key = self.sizes(variables)
        if self.type_variables:
            names = [variables.coerced.get(name) for name in self.type_variables]
            key += tuple([name if name in self.costs.schema.type_map else None for name in names])
        found = self._known_costs.find(key)
        if found is None:
            found = self.costs.cost(self.node, self.fragments, variables.coerced)
            self._known_costs.keep(key, found)
        return found

    def coordinate(self, path: Sequence[str | int], place: str | None = None) -> str | None:
        """Get the schema coordinate of the field at a path of the answer, or of its argument.

        None for a path that leads to no field.
        """
        return coordinate_at(self.costs.schema, self.node, self.fragments, path, place)

    def directives(self, variables: VariableValues) -> tuple[Any, ...]:
        """Get the values of the variables that @skip and @include use."""
        if not self.directive_variables:
            return ()
        return tuple(variables.coerced.get(name) for name in self.directive_variables)

    def sizes(self, variables: VariableValues) -> tuple[Any, ...]:
        """Get what directives and sizes of lists use of the variables, as a key."""
        return _hashable(variables.coerced, self.size_variables)

    def _root_fields(self) -> set[str]:
        """Get the names of the fields at the root that some variables select."""
        schema = self.costs.schema
        root = schema.get_root_type(self.node.operation)
        assert root is not None
        fields = FieldCollector(schema, self.fragments, None)
        grouped = fields.collect(root, [self.node.selection_set])
        return {nodes[0].name.value for nodes in grouped.values()}

    @cached_property
    def _directives(self) -> list[DirectiveNode]:
        return directives_in(self.node, self.fragments)

    def _are_plain(self, raw: Mapping[str, Any]) -> bool:
        """Whether all variables are given, as values that coercion would not change."""
        if self.plain_types is None or len(raw) != len(self.plain_types):
            return False
        return all(type(raw.get(name)) is type_ for name, type_ in self.plain_types.items())


class Document:
    """A document that was read, valid or not."""

    def __init__(
        self, result: ValidationResult, costs: CostModel, limits: DocumentLimits, text: str = ""
    ) -> None:
        self._result, self._costs, self._limits = result, costs, limits
        self._text = text
        self._operations = LruMap[str | None, Operation](_MAX_OPERATIONS)
        self.is_valid = not result.errors
        self.is_invalid = bool(result.errors) and result.ast is not None
        """Whether it was validated, to its end, and is not valid."""

    @property
    def ast(self) -> DocumentNode | None:
        """The parsed document. None where it could not be parsed or is beyond a limit."""
        return self._result.ast

    @cached_property
    def whole_ast(self) -> DocumentNode | None:
        """The document without @defer and @stream: it is answered at once. None: not parsed."""
        return None if self.ast is None else without_parts(self.ast)

    @cached_property
    def ast_without_streams(self) -> DocumentNode | None:
        """The parsed document without @stream: graphql-core sends each entry by itself.

        That took it ten times as long as the list, and the client's payloads are as many. None: not
        parsed.
        """
        return None if self.ast is None else without_streams(self.ast)

    @property
    def bytes(self) -> int:
        """Approximate size with its text, its operations, and what is kept for them."""
        # names and values are parts of the text, again
        own = _DOCUMENT_BYTES + 2 * getsizeof(self._text) + _NODE_BYTES * self._result.nodes
        of_errors = _ERROR_BYTES * len(self._result.errors)
        return own + of_errors + sum([each.bytes for each in self._operations.values()])

    @property
    def tokens(self) -> int:
        """How many tokens to charge for reading it."""
        return self._result.tokens

    @property
    def errors(self) -> list[GraphQLError]:
        """Why it cannot run, each error with its code. Empty where it is valid.

        The errors are copies, which may be raised.
        """
        return [copied(each) for each in self._result.errors]

    def operation(self, name: str | None) -> Operation | None:
        """Get the operation that a request names.

        None where there is none of this name, or where none is named and there are several.
        """
        found = self._operations.find(name)
        if found is None:
            found = self._make(name)
            if found is not None:
                self._operations.keep(name, found)
        return found

    def _make(self, name: str | None) -> Operation | None:
        ast = self._result.ast
        node = get_operation_ast(ast, name) if ast is not None and self.is_valid else None
        if ast is None or node is None:
            return None
        fragments = {
            each.name.value: each
            for each in ast.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        uses = _VariableUses(self._costs.slicing_arguments)
        for each in (node, *fragments.values()):
            visit(each, uses)
        own_name = node.name.value if node.name else None
        return Operation(
            node,
            fragments,
            self._costs,
            self._limits,
            asks_about_schema=own_name in self._result.schema_operations,
            directive_variables=tuple(sorted(uses.in_directives)),
            size_variables=tuple(sorted(uses.in_sizes | uses.in_directives)),
            type_variables=tuple(sorted(uses.in_type_names)),
            plain_types=_plain_types(node),
            has_parts=uses.has_parts,
            document_text=self._text,
        )


def _plain_types(node: OperationDefinitionNode) -> dict[str, type] | None:
    found: dict[str, type] = {}
    for each in node.variable_definitions or ():
        named = each.type.type if isinstance(each.type, NonNullTypeNode) else each.type
        if not isinstance(named, NamedTypeNode) or named.name.value not in _PLAIN:
            return None
        found[each.variable.name.value] = _PLAIN[named.name.value]
    return found


def _hashable(values: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    """Make a key of those properties of variables that a cost may depend on."""
    return tuple(_sizes(values.get(name, Undefined)) for name in names)


def _sizes(value: Any) -> Any:
    """Reduce a value to what a size is read from: numbers, lengths of lists, fields of objects."""
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        return tuple((name, _sizes(each)) for name, each in value.items())
    # null is not absent: no default
    return value if isinstance(value, int) or value is Undefined else None


class _VariableUses(Visitor):
    """Collects the variables used in directives, in arguments that size lists, and in `__type`."""

    def __init__(self, slicing_arguments: frozenset[str]) -> None:
        super().__init__()
        self._slicing_arguments = slicing_arguments
        self.in_directives: set[str] = set()
        self.in_sizes: set[str] = set()
        self.in_type_names: set[str] = set()
        self.has_parts = False

    def enter_field(self, node: Any, *_: Any) -> None:
        if node.name.value == "__type":
            values = (each.value for each in node.arguments or ())
            self.in_type_names |= {
                each.name.value for each in values if isinstance(each, VariableNode)
            }

    def enter_directive(self, node: Any, *_: Any) -> None:
        self.has_parts |= node.name.value in PARTS
        self.in_directives |= {
            each.value.name.value
            for each in node.arguments or ()
            if isinstance(each.value, VariableNode)
        }

    def enter_argument(self, node: Any, *_: Any) -> None:
        pending = [node.value] if node.name.value in self._slicing_arguments else []
        while pending:
            value = pending.pop()
            if isinstance(value, VariableNode):
                self.in_sizes.add(value.name.value)
            elif isinstance(value, ObjectValueNode):
                pending += [each.value for each in value.fields]
