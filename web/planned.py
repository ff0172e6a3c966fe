"""The short way of a query: from the socket to its plan and back, past routing and middleware.

It takes what it can answer whole: a JSON body with one query that has a plan. Everything else goes the long way, with
the body that was read put back, and what was found out already (the caller, the charge) in the scope's state.
"""

import logging
from time import perf_counter
from typing import Any

import orjson
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.errors import DatabaseError
from graph.context import Context
from graph.execution import Executor, OperationRequest
from logs import bind
from web.budget import address_of
from web.errors import error_response
from web.graphql import media_type
from web.identity import InvalidCredentials
from web.request_log import acceptable_id, new_id, write_request
from web.services import Services

logger = logging.getLogger(__name__)

_JSON = b"application/json"


class PlannedQueries:
    """ASGI: answers `POST /graphql` where there is a plan, and hands everything else to `otherwise`."""

    def __init__(self, services: Services, executor: Executor, otherwise: ASGIApp) -> None:
        self._services, self._executor, self._otherwise = services, executor, otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if scope["method"] != "POST" or not headers.get(b"content-type", b"").startswith(_JSON):
            await self._otherwise(scope, receive, send)
            return
        started = perf_counter()
        body = await _body(receive)
        if body is None:
            return  # the caller is gone
        request_id = acceptable_id(headers.get(b"x-request-id")) or new_id()
        fields: dict[str, Any] = {}
        bind(request_id=request_id)  # the task is this request's own
        try:
            answer = await self._answer(scope, headers, body, request_id, fields)
        except DatabaseError as error:
            headers_back = {"retry-after": "1", "x-request-id": request_id}
            response = error_response(503, error.code, error.public_message, headers_back, request_id)
            await response(scope, receive, send)
            logger.warning("request failed: %s", error)
            write_request("POST", "/graphql", 503, perf_counter() - started, fields)
            return
        if answer is None:
            await self._otherwise(scope, _again(body, receive), send)
            return
        await send(_start(answer, request_id, headers))
        await send({"type": "http.response.body", "body": answer})
        write_request("POST", "/graphql", 200, perf_counter() - started, fields)

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], body: bytes, request_id: str, fields: dict[str, Any]
    ) -> bytes | None:
        request = _operation(headers, body)
        if request is None:
            return None
        services = self._services
        authorization = headers.get(b"authorization")
        try:
            caller = await services.sessions.caller(
                services.database,
                HTTPConnection(scope),
                authorization.decode("latin-1") if authorization is not None else None,
            )
        except InvalidCredentials:
            return None  # the long way says so
        context = Context(
            database=services.database,
            jobs=services.jobs,
            caller=caller,
            request_id=request_id,
            begin_sign_in=_nothing,
            budget=lambda: services.budgets.of(caller.viewer.account_id, address_of(scope)),
            note_operation=lambda name: fields.update(operation=name),
            callers_changed=lambda: None,
            executor=self._executor,
        )
        known = OperationRequest(request["query"], request.get("variables"), request.get("operationName"), True)
        answer = await self._executor.execute(context, known)
        return answer.body if answer.is_executed and answer.status is None else None


def _operation(headers: dict[bytes, bytes], body: bytes) -> dict[str, Any] | None:
    """Read the request's body, if it is one that plans take; None for anything else, sound or not."""
    if b"text/event-stream" in headers.get(b"accept", b"") or b"multipart" in headers.get(b"accept", b""):
        return None
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if (
        isinstance(request, dict)
        and isinstance(request.get("query"), str)
        and isinstance(request.get("variables"), dict | None)
        and isinstance(request.get("operationName"), str | None)
        and isinstance(request.get("extensions"), dict | None)
    ):
        return request
    return None


async def _body(receive: Receive) -> bytes | None:
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Put a body back that was read."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again


def _start(answer: bytes, request_id: str, headers: dict[bytes, bytes]) -> Message:
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", media_type(headers.get(b"accept", b"").decode("latin-1")).encode()),
            (b"content-length", b"%d" % len(answer)),
            (b"x-request-id", request_id.encode()),
        ],
    }


def _nothing() -> str:
    raise AssertionError("queries do not sign in")
