"""What an operation costs, before it runs: from the document and the coerced variables, so that a literal and a
variable cost the same.

An object costs 1, a scalar nothing, a mutation 10, a question about the schema 10. A list costs its entries: as many as
`first`, `last` or the listed arguments ask for, else the size that its field declares (`list_size`), else one page's
default. Of the possible types of an interface the dearest counts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

from graph.errors import CallerError
from graph.pagination import DEFAULT_SIZE, MAX_SIZE

MUTATION = 10
INTROSPECTION = 10
_PAGE_FIELDS = {"nodes", "edges"}
SIZES = ("first", "last", "ids", "distances")

Path = tuple[str, ...]


class TooExpensive(CallerError):  # noqa: N818 - the name says what is the case
    """The operation costs more than one may."""

    code = "COST_LIMIT_EXCEEDED"

    def __init__(self, cost: int, limit: int, path: Path) -> None:
        super().__init__(
            f"The operation costs {cost}, and one may cost {limit}. The most of it lies at `{'.'.join(path)}`: "
            "ask for fewer entries there, or for less of each."
        )
        self.cost, self.limit, self.path = cost, limit, path

    @property
    def extensions(self) -> dict[str, Any]:
        return {**super().extensions, "cost": self.cost, "limit": self.limit, "path": list(self.path)}


class CostModel:
    """Costs of operations over one schema. `list_sizes` are the declared sizes by (type, field)."""

    def __init__(self, schema: GraphQLSchema, list_sizes: Mapping[tuple[str, str], int]) -> None:
        self._schema = schema
        self._list_sizes = list_sizes

    def cost(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> tuple[int, Path]:
        """Tell the operation's cost and its most expensive path; `variables` are coerced, defaults included."""
        root = self._schema.get_root_type(operation.operation)
        assert root is not None
        estimate = _Estimate(self._schema, self._list_sizes, fragments, variables)
        total, path = estimate.of_object(root, (operation.selection_set,), entries=None)
        if operation.operation is OperationType.MUTATION:
            total += MUTATION * len(estimate.fields_of(root, (operation.selection_set,)))
        return total, path


class _Estimate:
    """One operation's. What is below a selection is counted once, however often fragments bring it."""

    def __init__(
        self,
        schema: GraphQLSchema,
        list_sizes: Mapping[tuple[str, str], int],
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema, self._list_sizes = schema, list_sizes
        self._fragments, self._variables = fragments, dict(variables)
        self._known: dict[Any, tuple[int, Path]] = {}

    def of_object(
        self, of: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], entries: int | None
    ) -> tuple[int, Path]:
        """Cost of the selected fields of one object, without the object; `entries` is how many a page of it has."""
        key = (of.name, tuple(map(id, selections)), entries)
        if key not in self._known:
            costs = [
                (self._of_field(of, nodes, entries), name) for name, nodes in self.fields_of(of, selections).items()
            ]
            dearest = max(costs, default=((0, ()), ""), key=lambda each: each[0][0])
            path = (dearest[1], *dearest[0][1]) if dearest[0][0] else ()
            self._known[key] = sum(cost for (cost, _), _ in costs), path
        return self._known[key]

    def fields_of(self, of: GraphQLObjectType, selections: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Fields that execution would resolve, by response name."""
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        pending: list[SelectionNode] = [node for each in selections for node in each.selections]
        while pending:
            node = pending.pop()
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self._fragments[node.name.value]
                    pending += self._if_applies(of, fragment)
            else:
                pending += self._if_applies(of, node)
        return found

    def _of_field(self, of: GraphQLObjectType, nodes: list[FieldNode], entries: int | None) -> tuple[int, Path]:
        declared = of.fields.get(nodes[0].name.value)
        if declared is None:
            return (0 if nodes[0].name.value == "__typename" else INTROSPECTION), ()
        selections = tuple(node.selection_set for node in nodes if node.selection_set)
        named = get_named_type(declared.type)
        if not selections:
            return 0, ()
        sizes = self._sizes(nodes[0])
        is_page = isinstance(named, GraphQLObjectType) and "pageInfo" in named.fields
        below_entries = (DEFAULT_SIZE if sizes is None else sizes) if is_page else None
        cost, path = max(
            (self.of_object(each, selections, below_entries) for each in self._possible(named)),
            key=lambda each: each[0],
        )
        # An empty list costs as much as one entry: what is below is planned all the same.
        count = max(1, self._count(of, nodes[0].name.value, declared.type, entries, sizes))
        return (1 + cost) * count, path

    def _count(self, of: GraphQLObjectType, name: str, type_: Any, entries: int | None, size: int | None) -> int:
        if not isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList):
            return 1
        if entries is not None and name in _PAGE_FIELDS:
            return entries
        return size if size is not None else self._list_sizes.get((of.name, name), DEFAULT_SIZE)

    def _sizes(self, node: FieldNode) -> int | None:
        """How many entries the arguments ask for; None where they do not say."""
        for argument in node.arguments or ():
            if argument.name.value in SIZES:
                value = value_from_ast_untyped(argument.value, self._variables)
                if isinstance(value, list):
                    return len(value)
                if type(value) is int:
                    return value if 0 < value <= MAX_SIZE else 0  # what is out of range is refused and costs nothing
        return None

    def _possible(self, named: Any) -> tuple[GraphQLObjectType, ...]:
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            return tuple(self._schema.get_possible_types(named))
        return (named,)

    def _if_applies(self, of: GraphQLObjectType, fragment: Any) -> tuple[SelectionNode, ...]:
        condition = fragment.type_condition
        if condition is not None and condition.name.value != of.name:
            named = self._schema.get_type(condition.name.value)
            if not isinstance(named, GraphQLInterfaceType | GraphQLUnionType) or not self._schema.is_sub_type(
                named, of
            ):
                return ()
        selections: tuple[SelectionNode, ...] = fragment.selection_set.selections
        return selections

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name in {"skip", "include"} and directive.arguments:
                value = value_from_ast_untyped(directive.arguments[0].value, self._variables)
                if bool(value) is (name == "skip"):
                    return False
        return True
