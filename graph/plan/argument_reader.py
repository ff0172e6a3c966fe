"""Arguments of selected fields, read as Strawberry's resolvers would get them."""

from typing import Any

from graphql import VariableNode
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments

from graph.kept import Kept
from graph.plan.compile import declared
from graph.plan.selection import Field, variables_of
from graph.row_type import arguments_reader_of
from graph.schema import Schema

_MAX_KEPT = 32
_IDS = {"id", "ids"}


class ArgumentReader:
    """Reads one field's arguments; what only depends on the document is read once."""

    def __init__(self, schema: Schema, selected: Field) -> None:
        self._schema, self._selected = schema, selected
        self._declared = declared(selected)
        self._read = arguments_reader_of(self._declared)
        self._variables = variables_of(selected)
        self._kept = Kept(_MAX_KEPT)
        self._id_variable = _id_variable(selected)
        self._constant: dict[str, Any] | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the arguments hold no variable."""
        return not self._variables

    def read(self, variables: VariableValues) -> Any:
        """Get the source's arguments. Raises CallerError naming the argument at fault."""
        assert self._read is not None
        try:
            key = tuple(variables.coerced.get(name, self) for name in self._variables)
            found = self._kept.find(key)
        except TypeError:  # a list or an input object cannot be a key
            return self._read(**self.python_arguments(variables))
        if found is None:
            found = self._read(**self.python_arguments(variables))
            self._kept.keep(key, found)
        return found

    def root_arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Get the arguments of a root field; what is constant, and ids from variables, without reading them anew."""
        if self._id_variable is not None:
            argument, name = self._id_variable
            if variables.coerced.get(name) is not None:  # else the error is to be made
                return {argument: variables.coerced[name]}
        if self._variables or self._constant is None:
            self._constant = self.python_arguments(variables)
        return self._constant

    def python_arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Get the arguments by their Python names, inputs as their classes; what is not given is absent."""
        assert self._selected.definition is not None
        values = get_argument_values(self._selected.definition, self._selected.node, variables)
        converter = self._schema.schema_converter
        return convert_arguments(values, self._declared.arguments, converter.scalar_registry, self._schema.config)


def has_reader(selected: Field) -> bool:
    """Tell whether a field has a function that reads its arguments."""
    return arguments_reader_of(declared(selected)) is not None


def _id_variable(selected: Field) -> tuple[str, str] | None:
    """Tell argument and variable of a field that has one argument, an id or ids, and a variable for it."""
    arguments = selected.node.arguments or ()
    if len(arguments) != 1 or arguments[0].name.value not in _IDS or not isinstance(arguments[0].value, VariableNode):
        return None
    return arguments[0].name.value, arguments[0].value.name.value
