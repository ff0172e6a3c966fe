"""One log line a request, and an id that ties a request's lines, its answer and its errors together."""

import logging
import re
from itertools import count
from secrets import token_hex
from time import perf_counter
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logs import bound, write

_HEADER = "x-request-id"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{8,100}")
_SERVER_ERROR = 500
_UNLOGGED = {"/health", "/healthz", "/readyz"}

logger = logging.getLogger("pacegraph.request")

_process = token_hex(8)
_numbers = count(1)


class RequestLog:
    """ASGI middleware: gives each request its id (the caller's own, if sound) and logs how it went.

    What a handler adds to `log_fields_of(scope)` is logged too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        fields: dict[str, Any] = {"status": 499 if scope["type"] == "http" else None}
        state = scope.setdefault("state", {})
        state["request_id"], state["log_fields"] = request_id, fields

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields["status"] = message["status"]
                MutableHeaders(scope=message)[_HEADER] = request_id
            await send(message)

        started = perf_counter()
        with bound(request_id=request_id):
            try:
                await self._app(scope, receive, observed_send)
            finally:
                status = fields.pop("status")
                write_request(scope.get("method", "WEBSOCKET"), scope["path"], status, perf_counter() - started, fields)


def request_id_of(scope: Scope) -> str:
    """Get the id of the request that `scope` belongs to."""
    request_id: str = scope["state"]["request_id"]
    return request_id


def log_fields_of(scope: Scope) -> dict[str, Any]:
    """Get the fields of the request's log line, to add to."""
    fields: dict[str, Any] = scope["state"]["log_fields"]
    return fields


def new_id() -> str:
    """Make a request id: of this process, and counting."""
    return f"{_process}{next(_numbers):016x}"


def acceptable_id(given: bytes | None) -> str | None:
    """Take a caller's own request id, if it is sound."""
    return given.decode() if given and _ACCEPTABLE.fullmatch(given) else None


def write_request(method: str, path: str, status: int | None, seconds: float, fields: dict[str, Any]) -> None:
    """Log how a request went."""
    if path in _UNLOGGED:
        return
    level = logging.WARNING if (status or 0) >= _SERVER_ERROR else logging.INFO
    write(logger, level, "request", {
        "method": method, "path": path, "status": status, "duration_ms": round(seconds * 1000, 2), **fields,
    })  # fmt: skip


def _request_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == _HEADER.encode()), None)
    return acceptable_id(given) or new_id()
