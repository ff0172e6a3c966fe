"""The parameters of a GraphQL-over-HTTP request: from a JSON body, or from an address."""

from typing import Any
from urllib.parse import parse_qsl

import orjson

from web.errors import BadRequest, BatchingDisabled

Parameters = dict[str, Any]

_MAX_IN_ADDRESS = 20
_KINDS: dict[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


def of_body(body: bytes) -> Parameters:
    """Read a body. Raises BadRequest, BatchingDisabled."""
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON in UTF-8: {error}.") from None
    if isinstance(parameters, list):
        raise BatchingDisabled
    if not isinstance(parameters, dict):
        raise BadRequest("The body must be a JSON object with `query`, and `variables` and `operationName` if need be.")
    return _checked(parameters)


def of_address(query_string: bytes) -> Parameters:
    """Read an address's parameters; an empty one counts as absent. Raises BadRequest."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=_MAX_IN_ADDRESS)
    except ValueError:  # UnicodeError is one
        raise BadRequest(f"The address has more than {_MAX_IN_ADDRESS} parameters, or they are not UTF-8.") from None
    parameters: Parameters = dict(pairs)
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json(name, parameters[name])
    return _checked(parameters)


def _json(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"`{name}` is not JSON: {error}.", name) from None


def _checked(parameters: Parameters) -> Parameters:
    for name, (kind, described) in _KINDS.items():
        value = parameters.get(name)
        if value is not None and type(value) is not kind:
            raise BadRequest(f"`{name}` must be {described}.", name)
    return parameters
