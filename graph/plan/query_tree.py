"""What an operation asks for: its selected fields, and how their arguments are read from each request."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql.execution.values import VariableValues

from graph.documents import Operation
from graph.plan.arguments import ArgumentReader, has_reader
from graph.plan.selection import Field, SelectionBuilder
from graph.plan.unit import Unit
from graph.schema import Schema


@dataclass(slots=True)
class Asked:
    """What one request asks: the arguments of its fields as their sources take them, and those of its root fields."""

    arguments: dict[Field, Any]
    roots: dict[Field, dict[str, Any]]


@dataclass(eq=False)
class Tree:
    """An operation's selected fields under one set of directives' values, and the readers of their arguments."""

    roots: list[Field]
    readers: list[tuple[Field, ArgumentReader]]
    ids: list[tuple[Field, ArgumentReader]]
    units: list[Unit]
    size: int
    """How many fields are selected."""

    @classmethod
    def of(cls, schema: Schema, operation: Operation, variables: VariableValues) -> "Tree":
        """Build it; of the variables, those that directives use matter. Raises NotPlanned."""
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
            [Unit(schema.digest, each) for each in roots],
            len(fields),
        )

    def read(self, variables: VariableValues) -> Asked:
        """Read what a request asks. Raises CallerError naming the argument at fault."""
        return Asked(
            {selected: reader.read(variables) for selected, reader in self.readers},
            {selected: reader.root_arguments(variables) for selected, reader in self.ids},
        )

    @cached_property
    def may_be_cached(self) -> bool:
        return any(unit.may_be_cached for unit in self.units)

    @property
    def constant(self) -> frozenset[Field]:
        """Fields whose arguments the document alone decides."""
        return frozenset(selected for selected, reader in self.readers if reader.is_constant)


def _all_fields(fields: list[Field]) -> list[Field]:
    found: list[Field] = []
    for each in fields:
        if each.definition is not None:
            found.append(each)
            for below in each.below.values():
                found += _all_fields(below)
    return found
