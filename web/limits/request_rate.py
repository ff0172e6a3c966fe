"""The rate of requests of an address, whoever is signed in there."""

from math import ceil
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from flags.flags import Flags
from graph.budget import BudgetState
from settings import Settings
from web.address import ClientAddresses
from web.errors import HttpRefusal
from web.limits.bucket import BucketSize
from web.limits.buckets import Buckets
from web.limits.headers import REQUESTS, rate_limit_headers
from web.switches import switches_at

EXEMPT = frozenset({"/health", "/healthz", "/readyz"})
"""What load balancers and Prometheus ask."""
_GRAPHQL = "/graphql"
_DENIAL = "websocket.http.response"


class TooManyRequests(HttpRefusal):
    """An address sends more requests than it may."""

    status, code = 429, "RATE_LIMITED"

    def __init__(self, size: BucketSize, retry_after_s: int) -> None:
        state = BudgetState(size.capacity, 0, 1, size.refill_per_s, retry_after_s)
        fields = {name.decode(): value.decode() for name, value in rate_limit_headers(state, REQUESTS)}
        super().__init__(
            f"Your address sends more than {size.refill_per_s:g} requests a second, after a burst of {size.capacity}. "
            f"Try again in {retry_after_s} s, and ask for more in one operation.",
            headers={"retry-after": str(retry_after_s), **fields},
        )
        self.retry_after_s = retry_after_s


class RequestRate:
    """Counts the requests of each address."""

    def __init__(self, settings: Settings, buckets: Buckets, flags: Flags) -> None:
        self._size = BucketSize(settings.request_bucket_ip, settings.request_refill_ip_per_s)
        self._buckets, self._flags = buckets, flags
        self.refused = 0
        """How many requests were refused, since the process started."""

    async def admit(self, address: str) -> None:
        """Count a request of `address`. Raises TooManyRequests. It seldom awaits anything: mostly a lease covers it."""
        if not switches_at(self._flags, address).rate_limiting:
            return
        bucket = self._buckets.find("requests", address, self._size)
        if not await self._buckets.take(bucket, 1):
            self.refused += 1
            raise TooManyRequests(self._size, max(1, ceil(bucket.wait_s(1, monotonic()))))


class RequestLimit:
    """ASGI middleware: counts what goes the long way, WebSockets among it. `/graphql` counts its own requests."""

    def __init__(self, app: ASGIApp, rate: RequestRate, addresses: ClientAddresses) -> None:
        self._app, self._rate, self._addresses = app, rate, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_counted(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._rate.admit(self._addresses.of(scope))
        except TooManyRequests as refusal:
            await _refuse(refusal, scope, send)
        else:
            scope["scheme"] = self._addresses.scheme_of(scope)
            await self._app(scope, receive, send)


def _is_counted(scope: Scope) -> bool:
    if scope["type"] == "http":
        return scope["path"] not in EXEMPT and scope["path"] != _GRAPHQL
    return bool(scope["type"] == "websocket")


async def _refuse(refusal: TooManyRequests, scope: Scope, send: Send) -> None:
    """Answer, to a WebSocket's handshake too where the server lets us; else it closes, which is a 403."""
    is_websocket = scope["type"] == "websocket"
    if is_websocket and _DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    kind = _DENIAL if is_websocket else "http.response"
    headers = {"content-type": "application/json", "content-length": str(len(refusal.body)), **refusal.headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": raw})
    await send({"type": f"{kind}.body", "body": refusal.body})
