"""Answers to requests that did not get as far as GraphQL: the same shape as GraphQL's errors.

    HttpRefusal                 what HTTP has a status for; message, `code` and `field` go out as they are
    ├── BadRequest              400 BAD_REQUEST: not a GraphQL-over-HTTP request; `field` names the parameter at fault
    ├── BatchingDisabled        400 BATCHING_DISABLED: several operations at once
    ├── CrossSite               403 CROSS_SITE: a page of another site used this browser's session
    ├── MethodNotAllowed        405 METHOD_NOT_ALLOWED
    ├── NotAcceptable           406 NOT_ACCEPTABLE: no media type, or no content coding, that both sides know
    ├── BodyTooSlow             408 BODY_TIMEOUT
    ├── BodyTooLarge            413 BODY_TOO_LARGE
    ├── AddressTooLong          414 ADDRESS_TOO_LONG
    ├── UnsupportedMediaType    415 UNSUPPORTED_MEDIA_TYPE: the body is in no form that is read here
    ├── limits.requests.TooManyRequests   429 RATE_LIMITED: the address sends more requests than it may
    └── limits.turns.TooManyOperations    429 TOO_MANY_OPERATIONS: the caller has too many under way, or one waited long

Those of GraphQL are in `graph/errors.py`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db.errors import DatabaseError, PacegraphError


class HttpRefusal(PacegraphError):  # noqa: N818 - the name says what is the case; so below
    """A request that is refused before GraphQL."""

    status = 400
    code = "BAD_REQUEST"

    def __init__(self, message: str, field: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message, self.field, self.headers = message, field, headers or {}

    @property
    def body(self) -> bytes:
        """The answer's JSON."""
        return error_body(self.code, self.message, field=self.field)


class BadRequest(HttpRefusal):
    """Not a GraphQL-over-HTTP request."""


class BatchingDisabled(HttpRefusal):
    """A list of operations."""

    code = "BATCHING_DISABLED"

    def __init__(self) -> None:
        super().__init__("Batches are not taken. Send one operation a request; it may have several root fields.")


class CrossSite(HttpRefusal):
    """Another site's page sent the session's cookie."""

    status, code = 403, "CROSS_SITE"

    def __init__(self) -> None:
        super().__init__(
            "A page of another site sent this with the browser's session. If it is this API's own address, name it in "
            "PUBLIC_URL; else in CORS_ORIGINS, or send an API token instead of cookies."
        )


class MethodNotAllowed(HttpRefusal):
    """Neither GET nor POST."""

    status, code = 405, "METHOD_NOT_ALLOWED"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Use one of these methods: {allowed}.", headers={"allow": allowed})


class NotAcceptable(HttpRefusal):
    """`field` is the header."""

    status, code = 406, "NOT_ACCEPTABLE"


class BodyTooSlow(HttpRefusal):
    """The body did not come in time. The connection ends: what comes later must not pass for another request."""

    status, code = 408, "BODY_TIMEOUT"

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            f"The body did not arrive within {timeout_s:g} s (BODY_TIMEOUT_S). Send it faster, or a shorter one.",
            headers={"connection": "close"},
        )


class BodyTooLarge(HttpRefusal):
    """The body is longer than is read. The connection ends, so that the rest need not be."""

    status, code = 413, "BODY_TOO_LARGE"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The body has more than {max_bytes} bytes (BODY_MAX_BYTES). Ask for less at once.",
            headers={"connection": "close"},
        )


class AddressTooLong(HttpRefusal):
    """A GET whose parameters are longer than a body may be."""

    status, code = 414, "ADDRESS_TOO_LONG"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The address has more than {max_bytes} bytes (BODY_MAX_BYTES). Ask for less, or by POST.")


class UnsupportedMediaType(HttpRefusal):
    """`field` is the header."""

    status, code = 415, "UNSUPPORTED_MEDIA_TYPE"


def error_body(code: str, message: str, field: str | None = None, request_id: str | None = None) -> bytes:
    """Make `{"errors": [{"message", "extensions": {"code", "field", "requestId"}}]}`, the last two where they help."""
    extensions: dict[str, Any] = {"code": code}
    if field:
        extensions["field"] = field
    if request_id:
        extensions["requestId"] = request_id
    return errors_body(message, extensions)


def errors_body(message: str, extensions: Mapping[str, Any]) -> bytes:
    """Make `{"errors": [{"message", "extensions"}]}`."""
    return orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})


def error_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, request_id: str | None = None
) -> Response:
    """Make an answer of Starlette's with an error's body."""
    return Response(error_body(code, message, request_id=request_id), status, headers, "application/json")


def answer_errors(app: FastAPI) -> None:
    """Let the routes' errors be answered in the same shape, and masked where they are not meant for callers."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(DatabaseError, _of_database)
    app.add_exception_handler(Exception, _of_others)


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, HTTPStatus(error.status_code).name, error.detail, error.headers)


async def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    body = error_body("BAD_REQUEST", f"`{field}`: {first['msg']}.", field=field)
    return Response(body, HTTPStatus.BAD_REQUEST, media_type="application/json")


async def _of_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseError)
    return error_response(503, error.code, error.public_message, {"retry-after": "1"}, _request_id(request))


async def _of_others(request: Request, _: Exception) -> Response:
    """The error itself is logged by the server, which it is raised to."""
    request_id = _request_id(request)
    headers = {"x-request-id": request_id} if request_id else None
    return error_response(500, "INTERNAL", "Something went wrong on the server.", headers, request_id)


def _request_id(request: Request) -> str | None:
    found: str | None = request.scope.get("state", {}).get("request_id")
    return found
