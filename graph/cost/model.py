"""What an operation costs, before it runs: from the document and the coerced variables, so that a literal and a
variable cost the same.

An object costs 1, a scalar nothing, a question about the schema 10 and more for its lists, a field besides what its
weight says (`@cost`: mutations 10). A list costs its entries, as many as its `@listSize` says. Of an interface's types
the dearest counts. `schema.graphql` shows the directives; nothing else is known of single fields here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    get_named_type,
    value_from_ast,
    value_from_ast_untyped,
)

from graph.cost_directives import INTROSPECTION, INTROSPECTION_GROWTH, ListSize
from graph.errors import CallerError
from graph.pagination import DEFAULT_SIZE, MAX_SIZE

Path = tuple[str, ...]
Sized = tuple[int, frozenset[str]] | None
"""A size, and the fields of an object that have it."""


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


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's part in a cost. `types` are the objects it may return, none for a scalar."""

    weight: int
    is_list: bool
    types: tuple[GraphQLObjectType, ...]
    assumed_size: int
    slices: tuple[tuple[str, ...], ...]
    arguments: Mapping[str, GraphQLArgument]
    sized_fields: frozenset[str]

    def size(self, node: FieldNode, variables: dict[str, Any]) -> int:
        """How many entries there may be; 0 where as many are asked for as are refused."""
        found: int | None = None
        given = {each.name.value: each.value for each in node.arguments or ()} if self.slices else {}
        for name, *inner in self.slices:
            declared = self.arguments[name]
            value = value_from_ast(given[name], declared.type, variables) if name in given else Undefined
            size = _size(declared.default_value if value is Undefined else value, inner)
            if size is not None and (found is None or size > found):
                found = size
        return self.assumed_size if found is None else found


def _size(value: Any, inner: Iterable[str]) -> int | None:
    """Read a size, where `value` has one: a number, or a list by its length."""
    for name in inner:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple):
        return len(value)
    if type(value) is not int:
        return None
    return value if 0 < value <= MAX_SIZE else 0


class CostModel:
    """Costs of operations over one schema. `sizes` and `weights` are what fields declare, by (type, field)."""

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
        """Names of arguments on which the cost of some field depends."""
        return frozenset(
            path.partition(".")[0] for each in self._sizes.values() for path in each.slicing_arguments or ()
        )

    @cached_property
    def fields(self) -> dict[str, dict[str, _Field]]:
        """Fields of every object type."""
        types = [each for each in self.schema.type_map.values() if isinstance(each, GraphQLObjectType)]
        return {of.name: {name: self._field(of.name, name, each) for name, each in of.fields.items()} for of in types}

    def cost(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> tuple[int, Path]:
        """Tell the operation's cost and its most expensive path; `variables` are coerced, defaults included."""
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        return _Estimate(self, fragments, variables).of_object(root, (operation.selection_set,), None)

    def _field(self, type_name: str, name: str, declared: GraphQLField) -> _Field:
        type_ = declared.type.of_type if isinstance(declared.type, GraphQLNonNull) else declared.type
        named = get_named_type(type_)
        types: tuple[GraphQLObjectType, ...] = (named,) if isinstance(named, GraphQLObjectType) else ()
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            types = tuple(self.schema.get_possible_types(named))
        size = self._sizes.get((type_name, name), ListSize())
        return _Field(
            weight=self._weights.get((type_name, name), 0),
            is_list=isinstance(type_, GraphQLList),
            types=types,
            assumed_size=size.assumed_size or DEFAULT_SIZE,
            slices=tuple(tuple(path.split(".")) for path in size.slicing_arguments or ()),
            arguments=declared.args,
            sized_fields=frozenset(size.sized_fields or ()),
        )


class _Estimate:
    """One operation's. What is below a selection is counted once, however often fragments bring it."""

    def __init__(
        self, model: CostModel, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._schema, self._declared = model.schema, model.fields
        self._fragments, self._variables = fragments, dict(variables)
        self._known: dict[Any, tuple[int, Path]] = {}

    def of_object(
        self, of: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], sized: Sized
    ) -> tuple[int, Path]:
        """Cost of the selected fields of one object, without the object."""
        key = (of.name, tuple(map(id, selections)), sized)
        if key not in self._known:
            total, most = 0, 0
            path: Path = ()
            for name, nodes in self._fields_of(of, selections).items():
                cost, below = self._of_field(of, nodes, sized)
                total += cost
                if cost > most:
                    most, path = cost, (name, *below)
            self._known[key] = total, path
        return self._known[key]

    def _of_field(self, of: GraphQLObjectType, nodes: list[FieldNode], sized: Sized) -> tuple[int, Path]:
        name = nodes[0].name.value
        declared = self._declared[of.name].get(name)
        if declared is None:
            return self._of_introspection(name, nodes), ()
        if not declared.types:
            return declared.weight, ()
        size = declared.size(nodes[0], self._variables)
        below = (max(1, size), declared.sized_fields) if declared.sized_fields else None
        selections = _selections(nodes)
        cost, path = max((self.of_object(each, selections, below) for each in declared.types), key=lambda each: each[0])
        count = 1
        if declared.is_list:
            # An empty list costs as much as one entry: what is below is planned all the same.
            count = sized[0] if sized is not None and name in sized[1] else max(1, size)
        return declared.weight + (1 + cost) * count, path

    def _of_introspection(self, name: str, nodes: list[FieldNode]) -> int:
        if name == "__typename":
            return 0
        of = self._schema.get_type("__Schema" if name == "__schema" else "__Type")
        assert isinstance(of, GraphQLObjectType)
        return INTROSPECTION + self._of_lists(of, _selections(nodes), INTROSPECTION)

    def _of_lists(self, of: GraphQLObjectType, selections: tuple[SelectionSetNode, ...], each: int) -> int:
        """Cost of what is asked about a part of the schema: its lists, `each` for one, more for those inside it."""
        key = (of.name, tuple(map(id, selections)), each)
        if key not in self._known:
            total = 0
            for name, nodes in self._fields_of(of, selections).items():
                declared = self._declared[of.name].get(name)
                if declared is None or not declared.types:
                    continue
                weight = each if declared.is_list else 0
                inside = each * INTROSPECTION_GROWTH if declared.is_list else each
                total += weight + self._of_lists(declared.types[0], _selections(nodes), inside)
            self._known[key] = total, ()
        return self._known[key][0]

    def _fields_of(self, of: GraphQLObjectType, selections: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Fields that execution would resolve, by response name, in the document's order."""
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        pending: list[SelectionNode] = [node for each in selections for node in each.selections][::-1]
        while pending:
            node = pending.pop()
            if node.directives and not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                if node.name.value not in spread:
                    spread.add(node.name.value)
                    pending += self._if_applies(of, self._fragments[node.name.value])[::-1]
            else:
                pending += self._if_applies(of, node)[::-1]
        return found

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


def _selections(nodes: list[FieldNode]) -> tuple[SelectionSetNode, ...]:
    return tuple(node.selection_set for node in nodes if node.selection_set)
