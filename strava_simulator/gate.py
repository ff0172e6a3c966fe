"""Counts every request to the simulated Strava, and applies faults and rate limits."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_simulator.faults import PAGE_STATUSES, REFUSALS, FaultKind, Faults
from strava_simulator.limits import RateLimiter
from strava_simulator.refusal import RATE_LIMITED, Refusal
from strava_simulator.spoiled_answer import SPOILED, answer_spoiled

_BARE = ("/athlete", "/activities", "/push_subscriptions")
_REMEMBERED = 2_000
ENTRY = "strava_simulator.entry"
"""Key of the scope: what is remembered of the request."""
_PAGE = b"<html>Strava is down for maintenance</html>"
_EXHAUSTED: dict[FaultKind, int] = {"rate_limited": 0, "rate_limited_day": 1}


@dataclass(slots=True)
class RequestHistory:
    """Requests to Strava's own paths: counts, the last ones, and the most at the same time."""

    by_path: Counter[str] = field(default_factory=Counter)
    last: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    running: int = 0
    most_at_once: int = 0

    def start(self, scope: Scope) -> dict[str, Any]:
        self.by_path[f"{scope['method']} {scope['path']}"] += 1
        entry = {
            "method": scope["method"],
            "path": scope["path"],
            "query": _query(scope),
            "status": None,
            "athlete": None,
        }
        scope[ENTRY] = entry  # for the reader of the token
        self.last.append(entry)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        return entry

    def clear(self) -> None:
        self.by_path.clear()
        self.last.clear()
        self.most_at_once = self.running


def _query(scope: Scope) -> str:
    """The query, without those of OAuth pages, which may contain secrets."""
    query: bytes = scope["query_string"]
    return "" if b"secret" in query or b"token" in query else query.decode("latin-1")


@dataclass(slots=True)
class Gate:
    """ASGI middleware around the simulator; `/simulator`, `/docs` and others pass unchanged.

    With `clock`, answers have its time as their `Date`.
    """

    app: ASGIApp
    log: RequestHistory
    faults: Faults
    limiter: RateLimiter
    clock: Callable[[], datetime] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = _with_prefix(scope)
        if scope["type"] != "http" or not scope["path"].startswith(("/api/v3/", "/oauth/")):
            await self.app(scope, receive, send)
            return
        entry = self.log.start(scope)
        try:
            await self._serve(scope, receive, send, entry)
        finally:
            self.log.running -= 1

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, entry: dict[str, Any]
    ) -> None:
        is_oauth = "/oauth/" in scope["path"]
        allowed = is_oauth or self.limiter.count(read=scope["method"] == "GET")
        fault = await self.faults.apply(scope["path"])
        kind = fault.kind if fault else None
        exhausted = _EXHAUSTED.get(kind) if kind else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                if kind != "rate_limited_bare":
                    message["headers"] = [*message["headers"], *self._headers(exhausted)]
            await send(message)

        if kind in PAGE_STATUSES:
            await _answer(send_with_headers, PAGE_STATUSES[kind], _PAGE, b"text/html")
        elif kind in REFUSALS:
            await _refuse(send_with_headers, REFUSALS[kind])
        elif not allowed:
            await _refuse(send_with_headers, RATE_LIMITED)
        elif fault and kind in SPOILED:
            await answer_spoiled(self.app, scope, receive, send_with_headers, fault)
        else:
            await self.app(scope, receive, send_with_headers)

    def _headers(self, exhausted: int | None) -> list[tuple[bytes, bytes]]:
        headers = self.limiter.headers(exhausted)
        if self.clock is not None:
            headers["date"] = format_datetime(self.clock(), usegmt=True)
        return [(name.encode(), value.encode()) for name, value in headers.items()]


def _with_prefix(scope: Scope) -> Scope:
    """Serve the API's paths without /api/v3 too, as Strava's host of 2027 does; not OAuth's."""
    if scope["type"] != "http" or not scope["path"].startswith(_BARE):
        return scope
    path = f"/api/v3{scope['path']}"
    return {**scope, "path": path, "raw_path": path.encode()}


async def _refuse(send: Send, refusal: Refusal) -> None:
    await _answer(send, refusal.status, refusal.body, b"application/json")


async def _answer(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
