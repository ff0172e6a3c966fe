"""Reads arguments of selected fields as Strawberry's resolvers would get them."""

from typing import Any

from graphql import VariableNode
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments

from graph.mapping.row_type import arguments_reader_of
from graph.plan.selection import SelectedField, declared, variables_of
from graph.schema.build import Schema
from runtime.bounded_map import LruMap

_MAX_KEPT = 16
_LONGEST_KEPT = 256
"""Characters of a variable's value in a key. Values that differ each time are mostly longer."""
_READER_BYTES = 1600
_KEPT_BYTES = 1000
_IDS = {"id", "ids"}


class ArgumentReader:
    """Reads one field's arguments. Values that depend only on the document are read once."""

    def __init__(self, schema: Schema, selected: SelectedField) -> None:
        self._schema, self._selected = schema, selected
        self._declared = declared(selected)
        self._read = arguments_reader_of(self._declared)
        self._variables = variables_of(selected)
        self._kept = LruMap[tuple[Any, ...], Any](_MAX_KEPT)
        self._id_variable = _id_variable(selected)
        self._constant: dict[str, Any] | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the arguments contain no variable."""
        return not self._variables

    @property
    def bytes(self) -> int:
        """Approximate size when it keeps as much as it may."""
        keeps = self._read is not None
        return _READER_BYTES + _KEPT_BYTES * keeps * (_MAX_KEPT if self._variables else 1)

    def read(self, variables: VariableValues) -> Any:
        """Get the source's arguments. Raises CallerError naming the invalid one."""
        assert self._read is not None
        try:
            key = tuple(variables.coerced.get(name, self) for name in self._variables)
            found = self._kept.find(key)
        except TypeError:  # a list or an input object cannot be a key
            return self._read(**self.python_arguments(variables))
        if found is None:
            found = self._read(**self.python_arguments(variables))
            if all(len(each) <= _LONGEST_KEPT for each in key if isinstance(each, str)):
                self._kept.keep(key, found)
        return found

    def root_arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Get the arguments of a root field. Constants and ids from variables take no reading."""
        if self._id_variable is not None:
            argument, name = self._id_variable
            if variables.coerced.get(name) is not None:  # else the error is to be made
                return {argument: variables.coerced[name]}
        if self._variables or self._constant is None:
            self._constant = self.python_arguments(variables)
        return self._constant

    def python_arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Get the given arguments by their Python names, inputs as their classes."""
        assert self._selected.definition is not None
        values = get_argument_values(self._selected.definition, self._selected.node, variables)
        converter = self._schema.schema_converter
        return convert_arguments(
            values, self._declared.arguments, converter.scalar_registry, self._schema.config
        )


def has_reader(selected: SelectedField) -> bool:
    """Whether a field has a function that reads its arguments."""
    return arguments_reader_of(declared(selected)) is not None


def _id_variable(selected: SelectedField) -> tuple[str, str] | None:
    """Get argument and variable of a field with one argument, an id or ids from a variable."""
    arguments = selected.node.arguments or ()
    if (
        len(arguments) != 1
        or arguments[0].name.value not in _IDS
        or not isinstance(arguments[0].value, VariableNode)
    ):
        return None
    return arguments[0].name.value, arguments[0].value.name.value
