"""The messages of `graphql-transport-ws` that clients send. What is no such message ends the connection."""

from typing import Any

import orjson
from starlette.types import Message

from web.streams import StreamEnded

BAD_REQUEST = 4400

_KINDS = (
    ("query", str, "a string"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)


def read_message(message: Message) -> dict[str, Any]:
    """Read a frame. Raises StreamEnded."""
    text = message.get("text")
    if text is None:
        raise StreamEnded(BAD_REQUEST, "Messages must be text.")
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StreamEnded(BAD_REQUEST, "Messages must be JSON.") from error
    if not isinstance(said, dict):
        raise StreamEnded(BAD_REQUEST, "Messages must be JSON objects.")
    return said


def read_payload(message: dict[str, Any]) -> dict[str, Any]:
    """Read what a `subscribe` asks to run: as the body of a request over HTTP. Raises StreamEnded."""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise _malformed("payload", "an object")
    for name, kind, expected in _KINDS:
        if not isinstance(payload.get(name), kind | None):
            raise _malformed(f"payload.{name}", expected)
    return payload


def read_text(message: dict[str, Any], name: str) -> str:
    """Get a member that must be there. Raises StreamEnded."""
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(name, "a string that is not empty")
    return value


def _malformed(name: str, expected: str) -> StreamEnded:
    return StreamEnded(BAD_REQUEST, f"`{name}` of the message must be {expected}.")
