"""Reads a request's parameters as Strava does: from the query, a form, or a JSON body."""

from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Request

from strava_simulator.refusal import RequestRefused, invalid


async def parameters_of(request: Request) -> dict[str, str]:
    """Merge the query and the body, which takes precedence. Raises RequestRefused.

    Of a repeated name the last value counts.
    """
    return dict(request.query_params) | dict(await form_items(request))


async def form_items(request: Request) -> list[tuple[str, str]]:
    """Names and values of the body, in order. Raises RequestRefused for an invalid body."""
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
        raise RequestRefused(invalid("Application", "body")) from None


def _multipart_items(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Fields of a multipart form, as `curl -F` in Strava's own examples sends them."""
    message = BytesParser().parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    parts: Any = message.get_payload() if message.is_multipart() else []
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_payload(decode=True).decode().strip(),
        )
        for part in parts
    ]
