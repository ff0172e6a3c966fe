"""Bounds of each address, over all of its connections.

They are how many it may have open, how fast it may open and use them, and how many bytes are
held of its requests, and of answers that it does not read.

They apply below ASGI, before anything is made of what a client sends. Above the pace, reading
waits, so that the client waits too and loses nothing; the limits that answer 429 are stricter and
apply first. Connections of trusted proxies carry requests of many clients: they are not bounded by
address, but their WebSockets are, by the client's forwarded address.

Limits of a single connection are in `web/http/connection_limits.py`.
"""

import logging
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Literal, get_args

from starlette.types import Scope

from runtime.bounded_map import LruMap
from settings import Settings
from web.http.client_address import ClientAddresses
from web.http.connection_limits import MAX_HEAD_BYTES
from web.limits.local_rate import LocalRate

Bound = Literal[
    "connections", "churn", "pace", "pipelining", "framing", "head", "fragments", "held", "unread"
]
BOUNDS: tuple[Bound, ...] = get_args(Bound)

STATE_KEY = "address_bounds"
"""Name of the bounds in the lifespan's state, where the server's protocols find them."""

_PER_STREAM = 4
"""Connections of an address for each WebSocket and event stream of a caller, by default."""
_LEAST_PER_ADDRESS = 1000
"""By default an address has at least so many: a whole office, or a server that renders pages."""
_FILE_SHARE = 2
"""An address may have the process's file limit, divided by this."""
_PACE = 1.25
"""Requests and messages of an address per second, for each that the limit with 429 admits."""
_BURST_SHARE = 12
"""An address may burst by the bucket of that limit, divided by this: what comes at once keeps
others waiting.
"""
_LEAST_BURST, _LEAST_PER_S = 250, 500
"""Pace of an address where the limits with 429 are very strict: those are to answer."""
LIKE_A_REQUEST = 16 * 1024
"""Bytes that count as one more request."""
FREE_BYTES = 16 * 1024
"""Bytes of a connection's unanswered requests that do not count as held."""
_MOST_HELD_BYTES = 8 * 2**20
"""Bytes of unanswered requests that an address may have, beyond the free ones."""
FREE_UNREAD_BYTES = 16 * 1024
"""Bytes that a connection may leave unread, beyond the kernel's, and that do not count."""
_LEAST_BODIES_HELD = 4
"""An address may have so many bodies of the maximum size, however large that is."""
_MOST_PACES = 10_000
_LOG_BURST, _LOGS_PER_S = 20, 1

logger = logging.getLogger(__name__)


class AddressBounds:
    """The connections of this process, and the pace of their addresses."""

    def __init__(
        self,
        settings: Settings,
        addresses: ClientAddresses,
        is_limited: Callable[[str], bool],
        public_name: Callable[[str], str],
    ) -> None:
        """Make the bounds.

        `is_limited` tells whether rate limiting is on for an address; `public_name` gives the name
        of an address in logs.
        """
        self._addresses, self._public_name = addresses, public_name
        self.is_limited = is_limited
        self._per_address = settings.connections_per_address or max(
            _LEAST_PER_ADDRESS, _PER_STREAM * settings.connections_per_caller
        )
        self._burst = max(settings.request_bucket_ip / _BURST_SHARE, _LEAST_BURST)
        self._per_s = max(_PACE * settings.request_refill_ip_per_s, _LEAST_PER_S)
        self._paces = LruMap[str, LocalRate](_MOST_PACES)
        self._arrivals = LruMap[str, LocalRate](_MOST_PACES)
        self._most_held = max(_MOST_HELD_BYTES, _LEAST_BODIES_HELD * settings.body_max_bytes)
        self._logs = LocalRate(_LOG_BURST, _LOGS_PER_S, monotonic())
        self._open: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._most_unread = settings.unread_bytes_per_address
        self.most_of_request = settings.body_max_bytes + MAX_HEAD_BYTES
        """Bytes of one request that are held at most: the app drops what is beyond."""
        self.open = 0
        """How many connections are open now."""
        self.struck: dict[str, int] = dict.fromkeys(BOUNDS, 0)
        """How many connections met each bound, since the process started."""

    def enter(self, peer: str | None) -> "BoundedConnection | None":
        """Count a new connection; None if its address has as many as it may, or opens them too fast.

        An address may open as many at once as it may have, then one for each request of its pace: a
        client that opens one for each request meets the limit with 429 first. `peer` is the
        connection's own address, None for a Unix socket.
        """
        address = self._addresses.of_peer(peer) if peer else None
        if address is not None:
            bound = self._bound_met(address)
            if bound is not None and self.is_limited(address):
                self.strike(bound, address)
                return None
            self._open[address] += 1
        self.open += 1
        return BoundedConnection(self, address)

    def _bound_met(self, address: str) -> Bound | None:
        limit = self.limit
        if self._open[address] >= limit:
            return "connections"
        arrivals = self._arrivals.find(address)
        if arrivals is None:
            arrivals = LocalRate(max(limit, self._burst), self._per_s, monotonic())
            self._arrivals.keep(address, arrivals)
        return None if arrivals.admits(monotonic()) else "churn"

    @property
    def limit(self) -> int:
        """Connections of one address: the setting, or a share of the file limit if that is less."""
        import resource  # Unix only, as the file limit

        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(self._per_address, files // _FILE_SHARE) if files > 0 else self._per_address

    def leave(self, address: str | None) -> None:
        """Count a connection as closed."""
        self.open -= 1
        if address is not None:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def hold(self, address: str, more: int) -> bool:
        """Count `more` bytes that an address's unanswered requests hold; False: too many."""
        held = self._held[address] + more
        self._held[address] = held
        if not held:
            del self._held[address]
        return more <= 0 or held <= self._most_held or not self.is_limited(address)

    def leave_unread(self, address: str, more: int) -> bool:
        """Count `more` bytes that an address has not read; False: too many."""
        unread = self._unread[address] + more
        self._unread[address] = unread
        if not unread:
            del self._unread[address]
        return more <= 0 or unread <= self._most_unread or not self.is_limited(address)

    def pace_of(self, address: str) -> LocalRate:
        """Get the pace of an address, which all its connections share."""
        pace = self._paces.find(address)
        if pace is None:
            pace = LocalRate(self._burst, self._per_s, monotonic())
            self._paces.keep(address, pace)
        return pace

    def address_of(self, scope: Scope) -> str | None:
        """Get the address of a request behind a proxy; None if it has none."""
        return self._addresses.of(scope) or None

    def strike(self, bound: Bound, address: str | None) -> None:
        """Count a connection that met a bound, and log it unless that happens very often."""
        self.struck[bound] += 1
        if not self._logs.take(1, monotonic()):
            caller = None if address is None else self._public_name(address)
            logger.warning("a connection met a bound", extra={"bound": bound, "caller": caller})


class BoundedConnection:
    """One open connection. Call `leave` when it is closed."""

    __slots__ = (
        "_address", "_bounds", "_held", "_peer", "_struck", "_unread", "most_of_request", "pace",
    )  # fmt: skip

    def __init__(self, bounds: AddressBounds, address: str | None) -> None:
        self._bounds, self._peer, self._address = bounds, address, address
        self.pace = None if address is None else bounds.pace_of(address)
        self.most_of_request = bounds.most_of_request
        self._struck: set[Bound] = set()
        self._held = self._unread = 0

    def identify(self, scope: Scope) -> None:
        """Count what follows for the client of `scope`, where a proxy made the connection."""
        if self._peer is None and (address := self._bounds.address_of(scope)) is not None:
            self._address, self.pace = address, self._bounds.pace_of(address)

    def wait_s(self, count: float, size: int) -> float:
        """Count requests or messages and their bytes; get the seconds until more may be read."""
        if self.pace is None:
            return 0.0
        owed_s = self.pace.take(count + size / LIKE_A_REQUEST, monotonic())
        return self.wait_for(owed_s) if owed_s else 0.0

    def wait_for(self, owed_s: float) -> float:
        """Get the seconds to wait for a pace that is `owed_s` behind: none if it is not limited."""
        assert self._address is not None
        if not self._bounds.is_limited(self._address):
            return 0.0
        self.strike("pace")
        return owed_s

    def holds(self, size: int) -> bool:
        """Record how many bytes its unanswered requests have; False: its address has too many."""
        if self._peer is None:
            return True
        counted = max(0, min(size, self._bounds.most_of_request) - FREE_BYTES)
        more, self._held = counted - self._held, counted
        return self._bounds.hold(self._peer, more)

    def leaves_unread(self, size: int) -> bool:
        """Record how many bytes its client has not read; False: its address has too many."""
        if self._peer is None:
            return True
        more, self._unread = size - self._unread, size
        if self._bounds.leave_unread(self._peer, more):
            return True
        self.strike("unread")
        return False

    def lost(self, error: Exception | None) -> None:
        """Record why the connection was lost: the kernel ends it if the client does not read."""
        if isinstance(error, TimeoutError):
            self.strike("unread")

    def strike(self, bound: Bound) -> None:
        """Count and log that the connection met a bound, once for each."""
        if bound not in self._struck:
            self._struck.add(bound)
            self._bounds.strike(bound, self._address)

    def leave(self) -> None:
        self.holds(0)
        self.leaves_unread(0)
        self._bounds.leave(self._peer)
