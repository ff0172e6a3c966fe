"""The parameters of a GraphQL-over-HTTP request, in a JSON body or in the URL."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from web.errors import BadRequest, BatchingDisabled, MalformedRequest
from web.limits.request_memory import separators

Parameters = dict[str, Any]

_MAX_IN_ADDRESS = 20
_MAX_VALUES = 10_000
"""Lists, objects and commas of a request's JSON, those in texts included, as no request needs so
many there either. More would take the event loop for milliseconds before anything is charged.
"""
_KINDS: dict[str, tuple[type, str]] = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


class Misfit(NamedTuple):
    """A request member of the wrong type; `expected` describes the right one."""

    name: str
    expected: str


def misfit(members: Mapping[str, Any]) -> Misfit | None:
    """Find the first of a request's four members that has the wrong type, or None.

    null fits all.
    """
    for name, (kind, described) in _KINDS.items():
        value = members.get(name)
        if value is not None and type(value) is not kind:
            return Misfit(name, described)
    return None


def read_json(text: bytes | str) -> Any:
    """Read JSON of bounded size. Raises BadRequest for too many values, JSONDecodeError."""
    if len(text) > _MAX_VALUES and separators(text) > _MAX_VALUES:
        raise BadRequest(
            f"The request is not JSON of at most {_MAX_VALUES} values. Send several smaller ones."
        )
    return orjson.loads(text)


def from_body(body: bytes) -> Parameters:
    """Read a body. Raises BadRequest, MalformedRequest, BatchingDisabled."""
    try:
        parameters = read_json(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON in UTF-8: {error}.") from None
    if isinstance(parameters, list):
        raise BatchingDisabled
    if not isinstance(parameters, dict):
        raise MalformedRequest(
            "The body must be a JSON object with `query` and, if needed, `variables` and "
            "`operationName`."
        )
    return _checked(parameters)


def texts_in_address(query_string: bytes) -> dict[str, str]:
    """Read the parameters of a URL as WHATWG's URLSearchParams does.

    Of a name that comes twice the first counts; an empty text counts as absent, except for `query`.
    Raises BadRequest.
    """
    if query_string.count(b"&") >= _MAX_IN_ADDRESS:
        raise BadRequest(f"The URL has more than {_MAX_IN_ADDRESS} parameters.")
    texts: dict[str, str] = {}
    for pair in query_string.split(b"&"):
        name, _, value = (_decoded(each) for each in pair.partition(b"="))
        if value or name == "query":
            texts.setdefault(name, value)
    return texts


def from_query_string(query_string: bytes) -> Parameters:
    """Read a request in the parameters of a URL. Raises BadRequest, MalformedRequest."""
    parameters: Parameters = dict(texts_in_address(query_string))
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json(name, parameters[name])
    return _checked(parameters)


def _decoded(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")


def _json(name: str, text: str) -> Any:
    try:
        return read_json(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"`{name}` is not JSON: {error}.", name) from None


def _checked(parameters: Parameters) -> Parameters:
    if wrong := misfit(parameters):
        raise MalformedRequest(f"`{wrong.name}` must be {wrong.expected}.", wrong.name)
    return parameters
