"""One log line a request, and an id that ties a request's lines, its answer, its errors and its jobs together.

A line says neither from which address nor by which program it was asked: that is nobody's to keep.
"""

import logging
import re
from collections.abc import Mapping
from itertools import count
from secrets import token_hex
from time import perf_counter
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logs import begin, write

_HEADER = b"x-request-id"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{8,100}")
_TRACE_HEADER = b"traceparent"
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_CLIENT_GONE = 499
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
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = begin_request(headers)
        fields: dict[str, Any] = {"status": _CLIENT_GONE if scope["type"] == "http" else None}
        state = scope.setdefault("state", {})
        state["request_id"], state["log_fields"] = request_id, fields

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields["status"] = message["status"]
                MutableHeaders(scope=message)[_HEADER.decode()] = request_id
            await send(message)

        started = perf_counter()
        try:
            await self._app(scope, receive, observed_send)
        except Exception:
            if fields["status"] == _CLIENT_GONE:  # the answer is made further out
                fields["status"] = _SERVER_ERROR
            raise
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


def begin_request(headers: Mapping[bytes, bytes]) -> str:
    """Give a request its id, the caller's own if it is sound, and have all lines of this task tell it; gives it.

    They also tell the trace that the caller says it belongs to (W3C Trace Context). The task must be the request's.
    """
    given = headers.get(_HEADER)
    request_id = given.decode() if given and _ACCEPTABLE.fullmatch(given) else f"{_process}{next(_numbers):016x}"
    if _TRACE_HEADER in headers and (trace := _TRACE.fullmatch(headers[_TRACE_HEADER])):
        begin(request_id=request_id, trace_id=trace[1].decode())
    else:
        begin(request_id=request_id)
    return request_id


def write_request(method: str, path: str, status: int | None, seconds: float, fields: dict[str, Any]) -> None:
    """Log how a request went."""
    if path in _UNLOGGED:
        return
    level = logging.WARNING if (status or 0) >= _SERVER_ERROR else logging.INFO
    write(logger, level, "request", {
        "method": method, "path": path, "status": status, "duration_ms": round(seconds * 1000, 2), **fields,
    })  # fmt: skip
