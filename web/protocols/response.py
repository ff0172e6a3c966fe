"""Answers of `/graphql` as they go out: status, headers, body."""

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.types import Message, Scope

from db.errors import DatabaseError
from graph.budget import BudgetExhausted
from graph.errors import CallerError
from graph.execution import Answer
from settings import Settings
from web.compression import LARGE_BYTES, MIN_BYTES, Chosen, compress
from web.errors import HttpRefusal, error_body, errors_body
from web.identity import RENEWED_SESSION, InvalidCredentials
from web.limits.headers import rate_limit_headers
from web.media_type import WITHOUT_ACCEPT, Acceptable
from web.origin import Origins
from web.security_headers import NO_STORE, Headers, data_headers

_RETRY_AFTER_S = 1


@dataclass(slots=True)
class Exchange:
    """A request, and what was found out about its answer.

    `address` is the client's, `is_safe` tells that it is a GET. `fields` go to the log line, `cookies` to the browser.
    """

    scope: Scope
    headers: dict[bytes, bytes]
    request_id: str
    address: str
    is_safe: bool = False
    accepts: Acceptable = WITHOUT_ACCEPT
    coding: Chosen = field(default_factory=Chosen)
    fields: dict[str, Any] = field(default_factory=dict)
    cookies: Headers = field(default_factory=list)


@dataclass(slots=True)
class Reply:
    """An answer without the headers that all have."""

    status: int
    body: bytes
    headers: Headers


class Replies:
    """Makes replies, and the headers that all have."""

    def __init__(self, settings: Settings, origins: Origins) -> None:
        varies = b"Accept, Accept-Encoding, Origin" if origins.varies else b"Accept, Accept-Encoding"
        self._origins = origins
        self._private: Headers = [*data_headers(settings), NO_STORE, (b"vary", varies)]
        # Who is signed in is told something else, maybe, so what a shared cache keeps is not for them.
        self._public: Headers = [*data_headers(settings), (b"vary", varies + b", Authorization, Cookie")]

    def head(self, exchange: Exchange) -> Headers:
        """Make the headers that all answers to a request have, but for its type and length."""
        return [*self._private, *self._own(exchange)]

    def start(self, exchange: Exchange, reply: Reply) -> Message:
        """Make the message that begins an answer."""
        is_public = any(name == b"cache-control" for name, _ in reply.headers)
        return {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [*(self._public if is_public else self._private), *reply.headers, *self._own(exchange)],
        }

    def _own(self, exchange: Exchange) -> Headers:
        headers: Headers = [(b"x-request-id", exchange.request_id.encode()), *exchange.cookies]
        if b"origin" in exchange.headers:
            headers += self._origins.cors(exchange.headers)
        renewed = exchange.scope.get("state", {}).get(RENEWED_SESSION)
        return [*headers, (b"set-cookie", renewed)] if renewed else headers


async def of_answer(exchange: Exchange, answer: Answer) -> Reply:
    """Make the reply to an operation.

    What did not run is an error to those who know GraphQL's own media type; to others every answer of GraphQL is 200.
    """
    status = answer.status or (200 if answer.is_executed or not exchange.accepts.is_graphql_json else 400)
    headers: Headers = [(b"content-type", exchange.accepts.error_type)]
    body = answer.body
    coding = exchange.coding.coding
    # Only queries: the answer of a mutation may hold a new secret, and its length would tell of it.
    if coding is not None and answer.is_query and (len(body) >= MIN_BYTES or exchange.coding.is_required):
        if len(body) >= LARGE_BYTES:
            body = await asyncio.to_thread(compress, body, coding)
        else:
            body = compress(body, coding)
        headers.append((b"content-encoding", coding.encode()))
    headers.append((b"content-length", b"%d" % len(body)))
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after_s))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    sets_cookies = exchange.cookies or RENEWED_SESSION in exchange.scope.get("state", ())
    if answer.public_s is not None and exchange.is_safe and answer.is_executed and not sets_cookies:
        headers += [(b"cache-control", b"public, max-age=%d" % answer.public_s), (b"age", b"%d" % answer.age_s)]
    elif answer.budget is not None:
        headers += rate_limit_headers(answer.budget)
    return Reply(status, body, headers)


def of_error(exchange: Exchange, error: Exception) -> Reply:
    """Make the reply to a request that did not get as far as running. Whatever is not meant for callers is masked."""
    if isinstance(error, HttpRefusal):
        return _error(exchange, error.status, error.body, **error.headers)
    if isinstance(error, InvalidCredentials):
        body = error_body("UNAUTHENTICATED", str(error))
        return _error(exchange, 401, body, **{"www-authenticate": "Bearer"})
    if isinstance(error, CallerError):
        return _of_caller_error(exchange, error)
    if isinstance(error, DatabaseError):
        body = error_body(error.code, error.public_message, request_id=exchange.request_id)
        return _error(exchange, 503, body, **{"retry-after": str(_RETRY_AFTER_S)})
    body = error_body("INTERNAL", "Something went wrong on the server.", request_id=exchange.request_id)
    return _error(exchange, 500, body)


def _of_caller_error(exchange: Exchange, error: CallerError) -> Reply:
    retry_after_s: int | None = getattr(error, "retry_after_s", None)
    status: int | None = getattr(error, "status", None) or (429 if retry_after_s is not None else None)
    if status is None:
        status = 400 if exchange.accepts.is_graphql_json else 200
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    reply = _error(exchange, status, errors_body(error.message, error.extensions), **headers)
    if isinstance(error, BudgetExhausted):
        reply.headers += rate_limit_headers(error.state)
    return reply


def _error(exchange: Exchange, status: int, body: bytes, **headers: str) -> Reply:
    return Reply(status, body, [
        (b"content-type", exchange.accepts.error_type),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ])  # fmt: skip
