"""Reads a request's parameters as Strava does: from the query, a form, or a JSON body."""

from email.parser import BytesParser
from urllib.parse import parse_qsl

import orjson
from fastapi import Request

from strava.simulator.refusal import Refused, invalid


async def parameters_of(request: Request) -> dict[str, str]:
    """Query and body together, the body winning; of a repeated name the last value. Raises Refused."""
    return dict(request.query_params) | dict(await form_items(request))


async def form_items(request: Request) -> list[tuple[str, str]]:
    """Names and values of the body, in order. Raises Refused for a body that cannot be read."""
    content_type, body = request.headers.get("content-type", ""), await request.body()
    if content_type.startswith("application/json"):
        return _json_items(body)
    if content_type.startswith("multipart/form-data"):
        return _multipart_items(content_type, body)
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _json_items(body: bytes) -> list[tuple[str, str]]:
    try:
        values = orjson.loads(body)
        return [(name, str(value)) for name, value in values.items()]
    except (orjson.JSONDecodeError, AttributeError):
        raise Refused(invalid("Application", "body")) from None


def _multipart_items(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of what `curl -F` sends, as Strava's own examples do."""
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = message.get_payload() if message.is_multipart() else []
    return [
        (str(part.get_param("name", header="content-disposition")), part.get_payload(decode=True).decode().strip())  # type: ignore[union-attr]
        for part in parts
    ]
