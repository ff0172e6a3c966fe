"""Answers to requests that did not get as far as GraphQL: the same shape as GraphQL's errors."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response


def error_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, request_id: str | None = None
) -> Response:
    """Make `{"errors": [{"message", "extensions": {"code", "requestId"}}]}`; the request's id where it helps."""
    extensions = {"code": code, **({"requestId": request_id} if request_id else {})}
    body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
    return Response(body, status, headers, "application/json")
