"""Coerces the variables of an operation, at most as many values as a document may have tokens."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    GraphQLType,
    VariableDefinitionNode,
    get_named_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_variable_values

from graph.coordinates import input_coordinate
from graph.document.limits import DocumentLimits
from graph.errors import CallerError, InvalidArgument, drop_frames

MAX_ERRORS = 5
MAX_MESSAGE = 500  # characters: errors repeat what was sent
_PLACE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([^:]*))?:")
MAX_DEPTH = 32
"""Nested lists and objects. The schema's inputs have fewer than five levels."""


def coerce_variables(
    schema: GraphQLSchema,
    definitions: Collection[VariableDefinitionNode],
    raw: Mapping[str, Any],
    limits: DocumentLimits,
) -> VariableValues | list[GraphQLError]:
    """Coerce the declared variables of a request, or return errors with their codes."""
    refusal = _too_much(definitions, raw, limits.max_tokens)
    if refusal is not None:
        return [refusal]
    coerced = get_variable_values(
        schema,
        definitions,
        dict(raw),
        max_errors=MAX_ERRORS,
        hide_suggestions=not limits.suggests_names,
    )
    if not isinstance(coerced, list):
        return coerced
    types = {each.variable.name.value: type_from_ast(schema, each.type) for each in definitions}
    return [_described(each, types) for each in coerced]


def cut(message: str) -> str:
    """Shorten a message that repeats what was sent."""
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"


def _described(error: GraphQLError, types: Mapping[str, GraphQLType | None]) -> GraphQLError:
    # only the message says which value does not fit, such as `at .kinds[0]` of a variable
    place = _PLACE.match(error.message)
    field = {"field": cut(f"{place[1]}{place[2] or ''}")} if place else {}
    of = get_named_type(types[place[1]]) if place else None
    coordinate = input_coordinate(of, (place[2] or "").lstrip(".")) if place and of else None
    extensions = {
        "code": CallerError.code,
        **field,
        **({"coordinate": coordinate} if coordinate else {}),
    }
    described = GraphQLError(cut(error.message), extensions=extensions)
    described.locations = error.locations
    drop_frames(error)
    return described


def _too_much(
    definitions: Collection[VariableDefinitionNode], raw: Mapping[str, Any], limit: int
) -> GraphQLError | None:
    left = limit
    for each in definitions:
        name = each.variable.name.value
        left -= _values_in(raw.get(name), left)
        if left < 0:
            error = InvalidArgument(
                name,
                f"holds more than {limit} values, with the variables before it. Pass fewer at once, "
                "in several requests.",
            )
            return GraphQLError(error.message, each, original_error=error)
    return None


def _values_in(value: Any, limit: int) -> int:
    """Count the values in a JSON value, itself included.

    Returns more than `limit` if there are more, or if they are nested too deeply.
    """
    count, level = 0, [value]
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > limit or not level:
            return count
        below: list[Any] = []
        for each in level:
            if isinstance(each, list):
                below.extend(each)
            elif isinstance(each, dict):
                below.extend(each.values())
        level = below
    return limit + 1
