"""What every request to the simulated Strava passes: the count of requests, faults, rate limits and their headers."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava.simulator.faults import REFUSALS, FaultKind, Faults
from strava.simulator.limits import RateLimiter
from strava.simulator.refusal import RATE_LIMITED, Refusal

_REMEMBERED = 2_000
_EXHAUSTED: dict[FaultKind, int] = {"rate_limited": 0, "rate_limited_day": 1}


@dataclass(slots=True)
class RequestLog:
    """Requests to Strava's own paths: counts since start, the last ones, and how many ran at once at most."""

    by_path: Counter[str] = field(default_factory=Counter)
    last: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    running: int = 0
    most_at_once: int = 0

    def start(self, scope: Scope) -> dict[str, Any]:
        self.by_path[f"{scope['method']} {scope['path']}"] += 1
        entry = {"method": scope["method"], "path": scope["path"], "query": _query(scope), "status": None}
        self.last.append(entry)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        return entry

    def clear(self) -> None:
        self.by_path.clear()
        self.last.clear()
        self.most_at_once = self.running


def _query(scope: Scope) -> str:
    """The query; that of OAuth's pages may hold secrets and is left out."""
    query: bytes = scope["query_string"]
    return "" if b"secret" in query or b"token" in query else query.decode("latin-1")


@dataclass(slots=True)
class Gate:
    """ASGI middleware around the simulator; `/simulator`, `/docs` and such pass untouched."""

    app: ASGIApp
    log: RequestLog
    faults: Faults
    limiter: RateLimiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/api/v3/", "/oauth/")):
            await self.app(scope, receive, send)
            return
        entry = self.log.start(scope)
        try:
            await self._serve(scope, receive, send, entry)
        finally:
            self.log.running -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send, entry: dict[str, Any]) -> None:
        is_oauth = "/oauth/" in scope["path"]
        allowed = is_oauth or self.limiter.count(read=scope["method"] == "GET")
        kind = await self.faults.strike(scope["path"])
        exhausted = _EXHAUSTED.get(kind) if kind else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                message["headers"] = [*message["headers"], *self._headers(exhausted)]
            await send(message)

        if kind == "bad_json":
            await _answer(send_with_headers, 200, b"<html>Strava is down for maintenance</html>", b"text/html")
        elif kind in REFUSALS:
            await _refuse(send_with_headers, REFUSALS[kind])
        elif not allowed:
            await _refuse(send_with_headers, RATE_LIMITED)
        else:
            await self.app(scope, receive, send_with_headers)

    def _headers(self, exhausted: int | None) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode()) for name, value in self.limiter.headers(exhausted).items()]


async def _refuse(send: Send, refusal: Refusal) -> None:
    await _answer(send, refusal.status, refusal.body, b"application/json")


async def _answer(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
