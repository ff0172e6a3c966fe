"""Estimates what an operation costs before it runs, from its document and coerced variables.

An object costs 1 and a scalar nothing. A field with a weight (`@cost`) costs that in
addition. A list costs its entries, as many as its `@listSize` says, and so does an object that
holds many, such as the points of streams. Of an interface's types the
most expensive one counts. What `__schema` and `__type` cost is computed in
`graph/cost/introspection.py`. All that is specific to a field is in its directives, which
`schema.graphql` shows; all other prices are in `graph/cost/prices.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    get_named_type,
    value_from_ast,
)

from graph.cost.directives import LARGEST_SIZES, ListSize
from graph.cost.introspection import IntrospectionCost, selections_of
from graph.cost.search import is_search
from graph.errors import CallerError
from graph.field_collection import FieldCollector
from graph.pagination import DEFAULT_SIZE, MAX_SIZE

Path = tuple[str, ...]
Sized = tuple[int, frozenset[str]] | None
"""A size, and the fields of an object that it applies to."""


class TooExpensive(CallerError):
    """The operation costs more than one may."""

    code = "COST_LIMIT_EXCEEDED"

    def __init__(self, cost: int, limit: int, path: Path, coordinate: str | None = None) -> None:
        of_schema = f" ({coordinate})" if coordinate else ""
        super().__init__(
            f"The operation costs {cost}. The maximum is {limit}. Its most expensive part is "
            f"`{'.'.join(path)}`{of_schema}: request fewer entries there, or fewer fields of each."
        )
        self.cost, self.limit, self.path, self.coordinate = cost, limit, path, coordinate

    @property
    def extensions(self) -> dict[str, Any]:
        return {
            **super().extensions,
            "cost": self.cost,
            "limit": self.limit,
            "path": list(self.path),
            **({"coordinate": self.coordinate} if self.coordinate else {}),
        }


class OperationCost(NamedTuple):
    """The points of an operation, its most expensive path, and whether it may search.

    `is_search`: it may look at more rows than it returns. Mutations may.
    """

    points: int
    path: Path
    is_search: bool


@dataclass(frozen=True, slots=True)
class _FieldCost:
    """The cost declarations of a field. `types` are the objects it may return."""

    weight: int
    is_list: bool
    types: tuple[GraphQLObjectType, ...]
    assumed_size: int
    slices: tuple[tuple[str, ...], ...]
    arguments: Mapping[str, GraphQLArgument]
    sized_fields: frozenset[str]
    is_many: bool
    """Whether an object that is no list counts as many."""
    entries_per_point: int
    """How many entries of such an object count as one."""

    def size(self, node: FieldNode, variables: dict[str, Any]) -> int:
        """Get how many entries there may be. 0: the requested number will be refused."""
        found: int | None = None
        given = (
            {each.name.value: each.value for each in node.arguments or ()} if self.slices else {}
        )
        for name, *inner in self.slices:
            declared = self.arguments[name]
            value = (
                value_from_ast(given[name], declared.type, variables)
                if name in given
                else Undefined
            )
            size = _size(
                declared.default_value if value is Undefined else value,
                inner,
                LARGEST_SIZES.get(name, MAX_SIZE),
            )
            if size is not None and (found is None or size > found):
                found = size
        return self.assumed_size if found is None else found


def _size(value: Any, inner: Iterable[str], most: int) -> int | None:
    """Read a size from a value: a number up to `most`, or the length of a list. None: neither."""
    for name in inner:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple):
        return len(value)
    if type(value) is not int:
        return None
    return value if 0 < value <= most else 0


class CostModel:
    """Costs of operations over one schema.

    `sizes` and `weights` are the declarations of fields by (type, field).
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        sizes: Mapping[tuple[str, str], ListSize],
        weights: Mapping[tuple[str, str], int],
    ) -> None:
        self.schema = schema
        self._sizes, self._weights = sizes, weights

    @cached_property
    def slicing_arguments(self) -> frozenset[str]:
        """Names of the arguments that some field's cost depends on."""
        return frozenset(
            path.partition(".")[0]
            for each in self._sizes.values()
            for path in each.slicing_arguments or ()
        )

    @cached_property
    def fields(self) -> dict[str, dict[str, _FieldCost]]:
        """Fields of every object type."""
        types = [
            each for each in self.schema.type_map.values() if isinstance(each, GraphQLObjectType)
        ]
        return {
            of.name: {name: self._field(of.name, name, each) for name, each in of.fields.items()}
            for of in types
        }

    def cost(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> OperationCost:
        """Compute an operation's cost. `variables` are coerced, with defaults."""
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        estimate = _Estimate(self, fragments, variables)
        points, path = estimate.of_object(root, (operation.selection_set,), None)
        is_mutation = operation.operation is OperationType.MUTATION
        return OperationCost(points, path, estimate.is_search or is_mutation)

    def _field(self, type_name: str, name: str, declared: GraphQLField) -> _FieldCost:
        type_ = (
            declared.type.of_type if isinstance(declared.type, GraphQLNonNull) else declared.type
        )
        named = get_named_type(type_)
        types: tuple[GraphQLObjectType, ...] = (
            (named,) if isinstance(named, GraphQLObjectType) else ()
        )
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            types = tuple(self.schema.get_possible_types(named))
        size = self._sizes.get((type_name, name), ListSize())
        return _FieldCost(
            weight=self._weights.get((type_name, name), 0),
            is_list=isinstance(type_, GraphQLList),
            types=types,
            assumed_size=size.assumed_size or DEFAULT_SIZE,
            slices=tuple(tuple(path.split(".")) for path in size.slicing_arguments or ()),
            arguments=declared.args,
            sized_fields=frozenset(size.sized_fields or ()),
            is_many=bool(size.slicing_arguments) and not size.sized_fields,
            entries_per_point=size.entries_per_point or 1,
        )


class _Estimate:
    """The estimate for one operation. A selection is computed once, however often it is spread."""

    def __init__(
        self,
        model: CostModel,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._declared = model.fields
        self._fields = FieldCollector(model.schema, fragments, variables)
        self._variables = dict(variables)
        self._introspection = IntrospectionCost(model.schema, self._fields, variables)
        self.is_search = False
        """Whether a field that was met may look at more rows than it returns."""
        self._known: dict[Any, tuple[int, Path]] = {}

    def of_object(
        self, of: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], sized: Sized
    ) -> tuple[int, Path]:
        """Compute the cost of the selected fields of one object, without the object."""
        key = (of.name, tuple(map(id, selections)), sized)
        if key not in self._known:
            total, most = 0, 0
            path: Path = ()
            for name, nodes in self._fields.collect(of, selections).items():
                cost, below = self._of_field(of, nodes, sized)
                total += cost
                if cost > most:
                    most, path = cost, (name, *below)
            self._known[key] = total, path
        return self._known[key]

    def _of_field(
        self, of: GraphQLObjectType, nodes: list[FieldNode], sized: Sized
    ) -> tuple[int, Path]:
        name = nodes[0].name.value
        self.is_search = self.is_search or is_search(nodes[0])
        declared = self._declared[of.name].get(name)
        if declared is None:
            return self._introspection.points(nodes), ()
        if not declared.types:
            return declared.weight, ()
        size = declared.size(nodes[0], self._variables)
        sized_below = (max(1, size), declared.sized_fields) if declared.sized_fields else None
        selections = selections_of(nodes)
        cost, path = max(
            (self.of_object(each, selections, sized_below) for each in declared.types),
            key=lambda each: each[0],
        )
        count = 1
        if declared.is_list:
            # An empty list costs as much as one entry: what is below is planned all the same.
            count = sized[0] if sized is not None and name in sized[1] else max(1, size)
        elif declared.is_many:
            count = max(1, ceil(size / declared.entries_per_point))
        return declared.weight + (1 + cost) * count, path
