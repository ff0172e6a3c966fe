"""Errors of requests that do not reach GraphQL, in the shape of GraphQL's errors.

    HttpRefusal                 HTTP has a status of its own; message, `code` and `field` are sent as they are
    ├── BadRequest              400 BAD_REQUEST: it cannot be read; `field` names the parameter
    ├── MalformedRequest        422 BAD_REQUEST: JSON, but no request of GraphQL over HTTP; `field` as above
    ├── BatchingDisabled        422 BATCHING_DISABLED: several operations at once
    ├── CrossSite               403 CROSS_SITE: a page of another site used this browser's session
    ├── ForAdministrators       403 FORBIDDEN: what only administrators may ask for
    ├── MethodNotAllowed        405 METHOD_NOT_ALLOWED
    ├── NotAcceptable           406 NOT_ACCEPTABLE: no common media type or content coding
    ├── BodyTooSlow             408 BODY_TIMEOUT
    ├── BodyTooLarge            413 BODY_TOO_LARGE
    ├── AddressTooLong          414 ADDRESS_TOO_LONG
    ├── upload_errors.*         404 to 507: uploads that cannot go on (`web/upload_errors.py`)
    ├── export_downloads.*      404: archives that cannot be had (`web/export_downloads.py`)
    ├── original_downloads.*    404, 503: originals that cannot be had (`web/original_downloads.py`)
    ├── download_slots.*        503 TOO_BUSY: too many downloads at once (`web/download_slots.py`)
    ├── protocols.single_connection.*   404, 409, 429: event streams of several operations
    ├── UnsupportedMediaType    415 UNSUPPORTED_MEDIA_TYPE: the body is not JSON
    ├── limits.request_rate.TooManyRequests   429 RATE_LIMITED: too many requests of an address
    ├── limits.link_reads.TooManyReads        429 RATE_LIMITED, DATABASE_TIME_EXHAUSTED: too many requests with links
    ├── limits.fair_queue.TooManyOperations   429 TOO_MANY_OPERATIONS: too many operations of a caller
    └── limits.request_memory.TooMuchInProgress   429 TOO_MANY_OPERATIONS: their variables are too much

`graph/errors.py` has the errors of GraphQL.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from runtime.error_links import ERROR_LINKS
from runtime.errors import PacegraphError


class HttpRefusal(PacegraphError):
    """A request refused before GraphQL."""

    status = 400
    code = "BAD_REQUEST"

    def __init__(
        self, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.field, self.headers = message, field, headers or {}

    @property
    def body(self) -> bytes:
        """The JSON of the response."""
        return error_body(self.code, self.message, field=self.field)


class BadRequest(HttpRefusal):
    """It cannot be read."""


class MalformedRequest(HttpRefusal):
    """It is read, and not what GraphQL over HTTP asks for."""

    status = 422


class BatchingDisabled(HttpRefusal):
    """A list of operations."""

    status, code = 422, "BATCHING_DISABLED"

    def __init__(self) -> None:
        super().__init__(
            "Batched requests are not supported. Send one operation per request; it may have "
            "several root fields."
        )


class CrossSite(HttpRefusal):
    """A page of another site sent the session's cookie."""

    status, code = 403, "CROSS_SITE"

    def __init__(self) -> None:
        super().__init__(
            "A page of another site sent this request with the browser's session. To allow its "
            "origin, add it to CORS_ORIGINS, or to PUBLIC_URL if it is this API's own address. "
            "Otherwise send an API token instead of cookies."
        )


class ForAdministrators(HttpRefusal):
    """What only administrators may ask for. `field` names the header."""

    status, code = 403, "FORBIDDEN"

    def __init__(self, field: str) -> None:
        super().__init__(f"`{field}` is for administrators only.", field)


class MethodNotAllowed(HttpRefusal):
    """Neither GET nor POST."""

    status, code = 405, "METHOD_NOT_ALLOWED"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"Use one of these methods: {allowed}.", headers={"allow": allowed})


class NotAcceptable(HttpRefusal):
    """`field` names the header."""

    status, code = 406, "NOT_ACCEPTABLE"


class BodyTooSlow(HttpRefusal):
    """The body did not arrive in time.

    The connection is closed, so that the rest is not taken for another request.
    """

    status, code = 408, "BODY_TIMEOUT"

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            f"The body did not arrive within {timeout_s:g} s (BODY_TIMEOUT_S). Send it faster, "
            "or send a shorter one.",
            headers={"connection": "close"},
        )


class BodyTooLarge(HttpRefusal):
    """The body is too long. The connection is closed, so that the rest need not be read."""

    status, code = 413, "BODY_TOO_LARGE"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The body has more than {max_bytes} bytes (BODY_MAX_BYTES). Send a smaller one.",
            headers={"connection": "close"},
        )


class AddressTooLong(HttpRefusal):
    """The parameters of a GET are longer than they may be."""

    status, code = 414, "ADDRESS_TOO_LONG"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The URL's parameters have more than {max_bytes} bytes. Use POST.")


class UnsupportedMediaType(HttpRefusal):
    """`field` names the header."""

    status, code = 415, "UNSUPPORTED_MEDIA_TYPE"


def error_body(
    code: str, message: str, field: str | None = None, request_id: str | None = None
) -> bytes:
    """Make `{"errors": [{"message", "extensions": {"code", "field", "requestId"}}]}`.

    `field` and `requestId` are omitted if None. The link of the code's page is added.
    """
    extensions: dict[str, Any] = {"code": code}
    if field:
        extensions["field"] = field
    if request_id:
        extensions["requestId"] = request_id
    return errors_body(message, extensions)


def errors_body(message: str, extensions: Mapping[str, Any]) -> bytes:
    """Make `{"errors": [{"message", "extensions"}]}`; the link of the code's page is added."""
    linked = {**extensions, **ERROR_LINKS.link(extensions["code"])}
    return orjson.dumps({"errors": [{"message": message, "extensions": linked}]})


def error_response(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
    *,
    field: str | None = None,
) -> Response:
    """Make a Starlette response with an error's body."""
    body = error_body(code, message, field=field, request_id=request_id)
    return Response(body, status, headers, "application/json")
