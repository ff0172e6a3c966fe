"""Writes one log line for each request, and gives it an id for all its lines, errors and jobs.

For privacy, the line has neither the client's address nor its user agent.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from os import urandom
from time import perf_counter
from types import MappingProxyType
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logs import DIFFERS, HARMLESS_LENGTH, LineForm, begin, write
from runtime.bounded_map import LruMap
from runtime.tracing import NO_SPAN
from web.http.request_counts import REQUESTS
from web.http.request_trace import end_step, request_step, told
from web.webhook_address import STRAVA_WEBHOOK

_HEADER = b"x-request-id"
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{8,100}")
_TRACE_HEADER = b"traceparent"
_TRACE = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_CLIENT_GONE = 499
_SERVER_ERROR = 500
_FLOODED = {429}
_LONGEST_PATH = 200
_MOST_FORMS = 200
_UNLOGGED = {"/health", "/healthz", "/readyz"}
_SECRET_ENDS = (f"{STRAVA_WEBHOOK}/", "/uploads/", "/originals/", "/exports/", "/doctor/")
"""What stands in paths before what lets its holder do something."""

logger = logging.getLogger("pacegraph.request")

_IDS_AT_ONCE = 256
_ID_BYTES, _ID_DIGITS = 16, 32


class RequestLog:
    """ASGI middleware that logs each request, and gives it an id.

    The id is the client's, if it is valid. Fields that a handler adds to `log_fields_of(scope)` are
    logged too.
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
                message["headers"] = [*message["headers"], *trace]
            await send(message)

        started = perf_counter()
        is_http = scope["type"] == "http"  # a WebSocket's operations are no part of one trace
        of_request = request_step(scope["method"], headers) if is_http else NO_SPAN
        del headers  # a WebSocket may be open for days
        with of_request as step:
            trace = told(step)
            try:
                await self._app(scope, receive, observed_send)
            except Exception:
                if fields["status"] == _CLIENT_GONE:  # the answer is made further out
                    fields["status"] = _SERVER_ERROR
                raise
            finally:
                status = fields.pop("status")
                end_step(step, status, fields)
                write_request(
                    scope.get("method", "WEBSOCKET"),
                    scope["path"],
                    status,
                    perf_counter() - started,
                    fields,
                )


def request_id_of(scope: Scope) -> str:
    """Get the id of the request that `scope` belongs to."""
    request_id: str = scope["state"]["request_id"]
    return request_id


def log_fields_of(scope: Scope) -> dict[str, Any]:
    """Get the fields of the request's log line, to add to them."""
    fields: dict[str, Any] = scope["state"]["log_fields"]
    return fields


def begin_request(headers: Mapping[bytes, bytes]) -> str:
    """Get the request's id, the client's if it is valid, and bind it to this task's log lines.

    The client's trace id (W3C Trace Context) is bound too. The task must be the request's own.
    """
    given = headers.get(_HEADER)
    request_id = given.decode() if given and _ACCEPTABLE.fullmatch(given) else next(_ids)
    if _TRACE_HEADER in headers and (trace := _TRACE.fullmatch(headers[_TRACE_HEADER])):
        begin(request_id=request_id, trace_id=trace[1].decode())
    else:
        begin(request_id=request_id)
    return request_id


def _random_ids() -> Iterator[str]:
    """Make ids that tell neither order nor number. To cost little, many are drawn at once."""
    while True:
        drawn = urandom(_IDS_AT_ONCE * _ID_BYTES).hex()
        for begin_at in range(0, len(drawn), _ID_DIGITS):
            yield drawn[begin_at : begin_at + _ID_DIGITS]


_ids = _random_ids()


def new_request_id() -> str:
    """Make the id of a request that gave none. It is bound to no lines."""
    return next(_ids)


def write_request(
    method: str,
    path: str,
    status: int | None,
    seconds: float,
    fields: dict[str, Any],
    *,
    unbound: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Log and count the outcome of a request. Refusals that a flood causes are logged in part.

    `unbound` are the fields that the request's lines have, where they are bound to no task.
    """
    if path in _UNLOGGED:
        return
    if status is not None:  # of a WebSocket there is none
        REQUESTS.count(path, status, seconds)
    level = logging.WARNING if (status or 0) >= _SERVER_ERROR else logging.INFO
    kind = ("request", status) if status in _FLOODED else None
    if path.count("/") > 1:
        path = _without_secret(path)
    if len(path) > _LONGEST_PATH:
        path = path[:_LONGEST_PATH] + "…"
    write(logger, level, "request", {
        **unbound, "method": method, "path": path, "status": status, "duration_ms": round(seconds * 1000, 2), **fields,
    }, kind)  # fmt: skip


class LinesOfAnswers:
    """The lines of requests to one path that were answered well, as `write_request` writes them."""

    def __init__(self, method: str, path: str) -> None:
        self._method, self._path = method, path
        self._forms = LruMap[tuple[bool, str | None], LineForm](_MOST_FORMS)

    def write(
        self, request_id: str, athlete_id: int | None, operation: str | None, seconds: float
    ) -> None:
        """Log and count a request whose id is no client's. `athlete_id` is its caller's, if any."""
        has_athlete = athlete_id is not None
        form = self._forms.get((has_athlete, operation)) or self._form(has_athlete, operation)
        ids = [b'"%b"' % request_id.encode()]
        if athlete_id is not None:
            ids.append(b'"%d"' % athlete_id)
        if form is not None and form.write(*ids, b"%a" % round(seconds * 1000, 2)):
            REQUESTS.count(self._path, 200, seconds)
            return
        write_request(
            self._method,
            self._path,
            200,
            seconds,
            {"operation": operation},
            unbound=names_of(request_id, athlete_id),
        )

    def _form(self, has_athlete: bool, operation: str | None) -> LineForm | None:  # noqa: FBT001
        """Make the form of lines. None: the operation's name is looked at each time."""
        if operation is not None and len(operation) > HARMLESS_LENGTH:
            return None
        ids = {"request_id": DIFFERS, **({"athlete_id": DIFFERS} if has_athlete else {})}
        fields = {
            **ids,
            "method": self._method,
            "path": self._path,
            "status": 200,
            "duration_ms": DIFFERS,
            "operation": operation,
        }
        form = LineForm(logger, logging.INFO, "request", fields)
        self._forms.keep((has_athlete, operation), form)
        return form


def names_of(request_id: str, athlete_id: int | None) -> dict[str, Any]:
    """Make the fields that all lines of a request have."""
    ids = {} if athlete_id is None else {"athlete_id": str(athlete_id)}
    return {"request_id": request_id, **ids}


def _without_secret(path: str) -> str:
    """Leave out what lets its holder do something, also where the path is none of ours.

    Clients that join addresses wrongly ask for `//uploads/…`.
    """
    lower = path.lower()
    for begin_of_secret in _SECRET_ENDS:
        if (at := lower.find(begin_of_secret)) >= 0:
            return f"{path[: at + len(begin_of_secret)]}…"
    return path
