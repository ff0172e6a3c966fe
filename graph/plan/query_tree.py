"""An operation's selected fields, and how their arguments are read from each request."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql.execution.values import VariableValues

from graph.cache.cached_field import CachedField
from graph.document.operation import Operation
from graph.plan.argument_reader import ArgumentReader, has_reader
from graph.plan.selection import SelectedField, SelectionBuilder
from graph.schema.build import Schema

# Sizes as tracemalloc measures them, somewhat above.
_TREE_BYTES = 2000
_FIELD_BYTES = 400


@dataclass(slots=True)
class RequestArguments:
    """The arguments of one request: of all fields as sources take them, and of root fields."""

    arguments: dict[SelectedField, Any]
    roots: dict[SelectedField, dict[str, Any]]


@dataclass(eq=False)
class QueryTree:
    """An operation's selected fields for certain values of directives, with argument readers."""

    roots: list[SelectedField]
    readers: list[tuple[SelectedField, ArgumentReader]]
    ids: list[tuple[SelectedField, ArgumentReader]]
    cached_fields: list[CachedField]
    size: int
    """How many fields are selected."""

    @classmethod
    def from_operation(
        cls, schema: Schema, operation: Operation, variables: VariableValues
    ) -> "QueryTree":
        """Build the tree. Of the variables only those in directives matter. Raises NotPlanned."""
        builder = SelectionBuilder(schema.core, operation.fragments, variables.coerced)
        root = schema.core.query_type
        assert root is not None
        roots = builder.fields(root, (operation.node.selection_set,))
        fields = _all_fields(roots)
        ids = [each for each in roots if each.definition is not None and not has_reader(each)]
        return cls(
            roots,
            [(each, ArgumentReader(schema, each)) for each in fields if has_reader(each)],
            [(each, ArgumentReader(schema, each)) for each in ids],
            [CachedField(schema.digest, each) for each in roots],
            len(fields),
        )

    @property
    def bytes(self) -> int:
        """Approximate size, with the arguments that its readers keep."""
        readers = [reader for _, reader in (*self.readers, *self.ids)]
        return _TREE_BYTES + _FIELD_BYTES * self.size + sum([each.bytes for each in readers])

    def read(self, variables: VariableValues) -> RequestArguments:
        """Read a request's arguments. Raises CallerError naming the invalid one."""
        return RequestArguments(
            {selected: reader.read(variables) for selected, reader in self.readers},
            {selected: reader.root_arguments(variables) for selected, reader in self.ids},
        )

    @cached_property
    def may_be_cached(self) -> bool:
        return any(each.may_be_cached for each in self.cached_fields)

    @property
    def constant(self) -> frozenset[SelectedField]:
        """Fields with arguments that the document alone decides."""
        return frozenset(selected for selected, reader in self.readers if reader.is_constant)


def _all_fields(fields: list[SelectedField]) -> list[SelectedField]:
    found: list[SelectedField] = []
    for each in fields:
        if each.definition is not None:
            found.append(each)
            for below in each.below.values():
                found += _all_fields(below)
    return found
