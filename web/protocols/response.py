"""Responses of `/graphql`: status, headers, body."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.types import Message, Scope

from db.errors import DatabaseError
from graph.cost.budget import BudgetExhausted
from graph.errors import CallerError
from graph.operation_request import OperationResult
from runtime.errors import PacegraphError
from settings import Settings
from web.auth.api_tokens import InvalidCredentials
from web.auth.browser_sessions import RENEWED_SESSION
from web.errors import HttpRefusal, error_body, errors_body
from web.http.compression import LARGE_BYTES, MIN_BYTES, Chosen, compress
from web.http.media_type import WITHOUT_ACCEPT, Acceptable
from web.http.origins import Origins
from web.http.security_headers import NO_STORE, Headers, data_headers
from web.http.server_connection import ServerConnection, encoded, is_one_line_each
from web.limits.headers import rate_limit_headers
from web.protocols.handed_over import HandedOver

_RETRY_AFTER_S = 1
_METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED.value  # a member costs a call each time
_PARTIAL_SUCCESS = 294
"""GraphQL over HTTP's own, beside its own media type only: no registry knows it."""
_UNPROCESSABLE = 422
_STATUS_OF_CODE = {"GRAPHQL_PARSE_FAILED": 400}
"""For operations that did not run. Other refusals are 422: the document is sound but not valid."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Exchange:
    """A request, and the facts about its response.

    `address` is the client's, `connection` None where another server runs the app. `is_safe` tells
    that it is a GET or QUERY. `fields` go to the log line, `cookies` to the browser. `size` is how many bytes
    reading the parameters counts as, once they are read, and `weight` about how many they take in
    memory.
    `trace` tells the client its step of a trace. `handed` is what the short way did before.
    """

    scope: Scope
    headers: dict[bytes, bytes]
    request_id: str
    address: str
    connection: ServerConnection | None = None
    is_safe: bool = False
    accepts: Acceptable = WITHOUT_ACCEPT
    coding: Chosen = field(default_factory=Chosen)
    fields: dict[str, Any] = field(default_factory=dict)
    cookies: Headers = field(default_factory=list)
    size: int = 0
    weight: int = 0
    trace: Headers = field(default_factory=list)
    handed: HandedOver = field(default_factory=HandedOver)

    @property
    def is_head(self) -> bool:
        """Whether only the head of the response is sent."""
        return bool(self.scope["method"] == "HEAD")


@dataclass(slots=True)
class HttpResponse:
    """A response without the headers that all responses have.

    `is_public` tells that shared caches may keep it.
    """

    status: int
    body: bytes
    headers: Headers
    is_public: bool = False


class ResponseHead:
    """Makes the start of responses, with the headers that all have."""

    def __init__(self, settings: Settings, origins: Origins) -> None:
        varies = (
            b"Accept, Accept-Encoding, Origin" if origins.varies else b"Accept, Accept-Encoding"
        )
        self._origins = origins
        self._private: Headers = [*data_headers(settings), NO_STORE, (b"vary", varies)]
        # Signed-in callers may get a different response, so shared caches must not serve them.
        self._public: Headers = [
            *data_headers(settings),
            (b"vary", varies + b", Authorization, Cookie"),
        ]
        self._private_fields, self._public_fields = encoded(self._private), encoded(self._public)

    def head(self, exchange: Exchange) -> Headers:
        """Make the headers of all responses to a request, except for type and length."""
        return [*self._private, *self._own(exchange)]

    def start(self, exchange: Exchange, reply: HttpResponse) -> Message:
        """Make the ASGI message that starts a response."""
        return {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                *(self._public if reply.is_public else self._private),
                *reply.headers,
                *self._own(exchange),
            ],
        }

    def fields(self, exchange: Exchange, reply: HttpResponse) -> bytes | None:
        """Write the header fields of a response, each with its line break.

        None if a value would break out of its line.
        """
        own = [*reply.headers, *self._own(exchange)]
        fields = encoded(own)
        if not is_one_line_each(fields, own):
            return None
        return (self._public_fields if reply.is_public else self._private_fields) + fields

    def known_fields(
        self, headers: Mapping[bytes, bytes], media_type: bytes
    ) -> tuple[bytes, bytes] | None:
        """Write the fields of private answers to requests without cookies, before and after others.

        None if a value would break out of its line.
        """
        cors = self._origins.cors(headers) if b"origin" in headers else []
        ended = encoded(cors)
        if not is_one_line_each(ended, cors):
            return None
        return self._private_fields + encoded([(b"content-type", media_type)]), ended

    def _own(self, exchange: Exchange) -> Headers:
        request_id = (b"x-request-id", exchange.request_id.encode())
        headers: Headers = [request_id, *exchange.cookies, *exchange.trace]
        if b"origin" in exchange.headers:
            headers += self._origins.cors(exchange.headers)
        renewed = exchange.scope.get("state", {}).get(RENEWED_SESSION)
        return [*headers, (b"set-cookie", renewed)] if renewed else headers


async def from_result(exchange: Exchange, answer: OperationResult) -> HttpResponse:
    """Make the response to an operation."""
    accepts = exchange.accepts
    if answer.is_executed:
        status = _PARTIAL_SUCCESS if answer.has_errors and accepts.is_graphql_json else 200
        headers: Headers = [(b"content-type", accepts.json or accepts.error_type)]
    else:
        status = answer.status or _STATUS_OF_CODE.get(answer.code or "", _UNPROCESSABLE)
        headers = [(b"content-type", accepts.error_type)]
    body = answer.body
    coding = exchange.coding.coding
    # Only queries: the answer of a mutation may hold a new secret, and its length would tell of it.
    if (
        coding is not None
        and answer.is_query
        and (len(body) >= MIN_BYTES or exchange.coding.is_required)
    ):
        if len(body) >= LARGE_BYTES:
            body = await asyncio.to_thread(compress, body, coding)
        else:
            body = compress(body, coding)
        headers.append((b"content-encoding", coding.encode()))
    headers.append((b"content-length", b"%d" % len(body)))
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after_s))
    if status == _METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    sets_cookies = exchange.cookies or RENEWED_SESSION in exchange.scope.get("state", ())
    is_public = False
    if answer.public_s is not None and exchange.is_safe and answer.is_executed and not sets_cookies:
        is_public = True
        headers += [
            (b"cache-control", b"public, max-age=%d" % answer.public_s),
            (b"age", b"%d" % answer.age_s),
        ]
    elif answer.budget is not None:
        headers += rate_limit_headers(answer.budget)
    return HttpResponse(status, body, headers, is_public)


def log_error(error: Exception) -> None:
    """Log an error that the caller is not told: an outage of the database, or a bug."""
    if isinstance(error, DatabaseError):
        logger.warning("request failed: %s", error)
    elif not isinstance(error, PacegraphError):
        logger.error("unexpected error outside an operation", exc_info=error)


def from_error(exchange: Exchange, error: Exception) -> HttpResponse:
    """Make the response to a request that failed before its operation ran.

    Internal errors are masked.
    """
    if isinstance(error, HttpRefusal):
        return _error(exchange, error.status, error.body, **error.headers)
    if isinstance(error, InvalidCredentials):
        body = error_body("UNAUTHENTICATED", str(error))
        return _error(exchange, 401, body, **{"www-authenticate": "Bearer"})
    if isinstance(error, CallerError):
        return _from_caller_error(exchange, error)
    if isinstance(error, DatabaseError):
        body = error_body(error.code, error.public_message, request_id=exchange.request_id)
        return _error(exchange, 503, body, **{"retry-after": str(_RETRY_AFTER_S)})
    body = error_body(
        "INTERNAL", "Something went wrong on the server.", request_id=exchange.request_id
    )
    return _error(exchange, 500, body)


def _from_caller_error(exchange: Exchange, error: CallerError) -> HttpResponse:
    retry_after_s: int | None = getattr(error, "retry_after_s", None)
    status: int = getattr(error, "status", None) or (
        429 if retry_after_s is not None else _UNPROCESSABLE
    )
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    reply = _error(exchange, status, errors_body(error.message, error.extensions), **headers)
    if isinstance(error, BudgetExhausted):
        reply.headers += rate_limit_headers(error.state)
    return reply


def _error(exchange: Exchange, status: int, body: bytes, **headers: str) -> HttpResponse:
    return HttpResponse(status, body, [
        (b"content-type", exchange.accepts.error_type),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ])  # fmt: skip
