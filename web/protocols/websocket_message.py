"""Reads clients' messages of `graphql-transport-ws`. An invalid message ends the connection."""

import re
from typing import Any

import orjson
from starlette.types import Message

from web.errors import BadRequest
from web.protocols.parameters import misfit, read_json
from web.protocols.stream_end import StreamEnded

BAD_REQUEST = 4400

_CREDENTIAL = re.compile(
    "(?!.*[cx]srf).*(auth(?!or(?!i))|token|bearer|jwt|secret|password|api.?key|cookie)",
    re.IGNORECASE,
)
"""Names of members that clients use for credentials; tokens against CSRF are none."""
_NOT_READ = '`%s` of connection_init is not read. Send {"Authorization": "Bearer pace_…"}.'
_MAX_NAME = 40
_LONGEST_NAME = 100
"""Characters of a member's name that is looked at: a long one takes the event loop."""


def read_message(message: Message) -> dict[str, Any]:
    """Read a frame. Raises StreamEnded."""
    text = message.get("text")
    if text is None:
        raise StreamEnded(BAD_REQUEST, "Messages must be text.")
    try:
        said = read_json(text)
    except BadRequest as error:
        raise StreamEnded(BAD_REQUEST, error.message) from error
    except orjson.JSONDecodeError as error:
        raise StreamEnded(BAD_REQUEST, "Messages must be JSON.") from error
    if not isinstance(said, dict):
        raise StreamEnded(BAD_REQUEST, "Messages must be JSON objects.")
    return said


def read_payload(message: dict[str, Any]) -> dict[str, Any]:
    """Read the payload of `subscribe`, as a body of GraphQL over HTTP. Raises StreamEnded."""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise _malformed("payload", "an object")
    if wrong := misfit(payload):
        raise _malformed(f"payload.{wrong.name}", wrong.expected)
    return payload


def read_authorization(message: dict[str, Any]) -> str | None:
    """Get the `Authorization` of a `connection_init`, None if it has none. Raises StreamEnded.

    It is a member of the payload, or of its `headers`, as some clients send it; upper and lower
    case do not matter. A credential under another name is refused: a caller that is taken for
    signed out sees no data and no reason.
    """
    payload = message.get("payload")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise StreamEnded(BAD_REQUEST, "The payload of connection_init must be an object.")
    members = {name.lower(): (name, value) for name, value in payload.items()}
    _, headers = members.pop("headers", ("", None))
    if not isinstance(headers, dict | None):
        raise StreamEnded(BAD_REQUEST, "`headers` of connection_init must be an object.")
    named = {name.lower(): (f"headers.{name}", value) for name, value in (headers or {}).items()}
    given = [each.pop("authorization", ("", None))[1] for each in (members, named)]
    for name, value in (*members.values(), *named.values()):
        if value and len(name) <= _LONGEST_NAME and _CREDENTIAL.match(name):
            raise StreamEnded(BAD_REQUEST, _NOT_READ % name[:_MAX_NAME])
    found = next((each for each in given if each is not None), None)
    return None if found is None else str(found)


def read_text(message: dict[str, Any], name: str) -> str:
    """Get a required member. Raises StreamEnded."""
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(name, "a non-empty string")
    return value


def _malformed(name: str, expected: str) -> StreamEnded:
    return StreamEnded(BAD_REQUEST, f"`{name}` of the message must be {expected}.")
