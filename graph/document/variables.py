"""Coerces the variables of an operation, at most as many values as a document may have tokens."""

import json
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
from graphql.pyutils import inspect

from graph.coordinates import input_coordinate, type_coordinate
from graph.document.error_places import MEMBER, in_words_of_json
from graph.document.limits import DocumentLimits
from graph.errors import CallerError, InvalidArgument, InvalidScalar, drop_frames

MAX_ERRORS = 5
MAX_MESSAGE = 500  # characters: errors repeat what was sent
_PLACE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([^:]*))?: ")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
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
    return [_described(each, types, raw) for each in coerced]


def cut(message: str) -> str:
    """Shorten a message that repeats what was sent."""
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"


def _described(
    error: GraphQLError, types: Mapping[str, GraphQLType | None], raw: Mapping[str, Any]
) -> GraphQLError:
    # only the message says which value does not fit, such as `at .kinds[0]` of a variable
    place = _PLACE.match(error.message)
    message, more = error.message, {}
    if place is not None:
        name, below = place[1], place[2] or ""
        said = error.message[place.end() :]
        member = MEMBER.match(said)
        message = place[0] + _in_json(said, _value_at(raw.get(name), below), error, member)
        if member is not None:
            below += f".{member[1]}"
        of = get_named_type(types[name])
        coordinate = of and (input_coordinate(of, below.lstrip(".")) or type_coordinate(of))
        more = {"field": cut(f"{name}{below}")}
        more |= {"coordinate": coordinate} if coordinate else {}
    described = GraphQLError(cut(message), extensions={"code": CallerError.code, **more})
    described.locations = error.locations
    drop_frames(error)
    return described


def _in_json(said: str, value: Any, error: GraphQLError, member: re.Match[str] | None) -> str:
    """Say what graphql-core `said` of a value in the words of JSON: it shows values as Python does.

    A `member` that is missing or unknown needs no look at the others.
    """
    if (of_scalar := _scalar_error(error)) is not None:
        return of_scalar.message
    if (of_null := in_words_of_json(said)) != said:
        return of_null
    shown = inspect(value)
    if member is not None:
        return said.replace(f" Found: {shown}.", "").replace(f", found: {shown}.", ".")
    for end in (shown, f"{shown}."):
        if said.endswith(end):
            text = json.dumps(value, ensure_ascii=False)
            return said.removesuffix(end) + text + end.removeprefix(shown)
    return said


def _scalar_error(error: BaseException | None) -> InvalidScalar | None:
    while isinstance(error, GraphQLError):
        error = error.original_error
    return error if isinstance(error, InvalidScalar) else None


def _value_at(value: Any, place: str) -> Any:
    """Get the value at a place of a variable, such as `.kinds[0]`."""
    for name, index in _STEP.findall(place):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
    return value


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
                f"holds more than {limit} values, with the variables before it. Pass "
                "fewer at once, "
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
