"""The rate of requests of an address, for all of its callers together."""

from math import ceil
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from flags.flags import Flags
from graph.cost.budget import BudgetState
from settings import Settings
from web.errors import AddressTooLong, BadRequest, HttpRefusal
from web.http.client_address import ClientAddresses
from web.limits.bucket_registry import Buckets
from web.limits.headers import REQUESTS, rate_limit_headers
from web.limits.token_bucket import BucketSize
from web.switches import switches_at

EXEMPT = frozenset({"/health", "/healthz", "/readyz"})
"""Paths that load balancers and Prometheus request."""
_GRAPHQL = "/graphql"
_DEAR = frozenset({"metrics", "exports", "originals"})
"""First parts of paths of which a request counts as more: what it renders or looks up takes as long."""
_DEAR_COUNT = 10
_LEAST_DEAR = 300
"""Such requests that an address may have in a burst, unless its requests are fewer."""
_MAX_QUERY_BYTES, _MAX_QUERY_PARTS = 8 * 1024, 50
"""Length and parameters of a query string on other paths: they are read before a route is."""
_DENIAL = "websocket.http.response"


class TooManyRequests(HttpRefusal):
    """An address sends more requests than it may."""

    status, code = 429, "RATE_LIMITED"

    def __init__(self, size: BucketSize, retry_after_s: int) -> None:
        state = BudgetState(size.capacity, 0, 1, size.refill_per_s, retry_after_s)
        fields = {
            name.decode(): value.decode() for name, value in rate_limit_headers(state, REQUESTS)
        }
        super().__init__(
            f"Your address sends more than {size.refill_per_s:g} requests per second, after a "
            f"burst of {size.capacity}. Try again in {retry_after_s} s, and request more in one "
            "operation.",
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

    async def admit(self, address: str, count: int = 1) -> None:
        """Count a request of `address`, as `count`. Raises TooManyRequests.

        Most requests are covered by a lease and await nothing.
        """
        if not switches_at(self._flags, address).rate_limiting:
            return
        if not await self.admit_soon(address, count):
            bucket = self._buckets.find("requests", address, self._size)
            self.refused += 1
            raise TooManyRequests(self._size, max(1, ceil(bucket.wait_s(count, monotonic()))))

    def admit_now(self, address: str) -> bool:
        """Count a request of `address` if the lease of this process covers it."""
        return self._buckets.find("requests", address, self._size).spend(1, monotonic())

    async def admit_soon(self, address: str, count: int = 1) -> bool:
        """Count a request of `address`, as `count`, if Redis or the lease has room for it."""
        bucket = self._buckets.find("requests", address, self._size)
        return await self._buckets.take(bucket, count)

    def give_back(self, address: str) -> None:
        """Take back what was counted: the request is counted again on its way."""
        self._buckets.find("requests", address, self._size).give_back(1, monotonic())

    def count_of(self, path: str) -> int:
        """Get how many requests one of a route counts as."""
        if path[1:].partition("/")[0] not in _DEAR:
            return 1
        return min(_DEAR_COUNT, max(1, self._size.capacity // _LEAST_DEAR))


class RequestLimit:
    """ASGI middleware: counts requests of routes and WebSockets. `/graphql` counts its own."""

    def __init__(self, app: ASGIApp, rate: RequestRate, addresses: ClientAddresses) -> None:
        self._app, self._rate, self._addresses = app, rate, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if _is_counted(scope):
                count = self._rate.count_of(scope["path"])
                await self._rate.admit(self._addresses.of(scope), count)
            _check_query(scope)
        except HttpRefusal as refusal:
            await _refuse(refusal, scope, send)
        else:
            if _is_counted(scope):
                scope["scheme"] = self._addresses.scheme_of(scope)
            await self._app(scope, receive, send)


def _is_counted(scope: Scope) -> bool:
    if scope["type"] == "http":
        return scope["path"] not in EXEMPT and scope["path"] != _GRAPHQL
    return bool(scope["type"] == "websocket")


def _check_query(scope: Scope) -> None:
    """Check the query string of a route. Raises AddressTooLong, BadRequest."""
    query = scope.get("query_string", b"")
    if len(query) <= _MAX_QUERY_PARTS or scope["path"] == _GRAPHQL:
        return
    if len(query) > _MAX_QUERY_BYTES:
        raise AddressTooLong(_MAX_QUERY_BYTES)
    if query.count(b"&") >= _MAX_QUERY_PARTS:
        raise BadRequest(f"The URL has more than {_MAX_QUERY_PARTS} parameters.")


async def _refuse(refusal: HttpRefusal, scope: Scope, send: Send) -> None:
    """Answer with a refusal.

    A WebSocket's handshake is answered too, or closed (403) if the server cannot.
    """
    is_websocket = scope["type"] == "websocket"
    if is_websocket and _DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    kind = _DENIAL if is_websocket else "http.response"
    headers = {
        "content-type": "application/json",
        "content-length": str(len(refusal.body)),
        **refusal.headers,
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": raw})
    await send({"type": f"{kind}.body", "body": refusal.body})
