"""How many look-ups of one address ask PostgreSQL at once: of callers, and of files by their addresses.

Operations have slots of their own. Who only sends credentials or fetches files has none, and would
have as many connections of the pool as it has of its own: everybody else would wait behind it.

A token that nobody has costs as much CPU as ten small queries, and no points: nobody knows whose they
would be. So does the address of a file that is none. A client's address has a rate of such look-ups,
and after that only what was known just now is looked up.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from starlette.types import Scope

from db.errors import DatabaseBusy, DatabaseError
from flags.flags import Flags
from runtime.bounded_map import LruMap
from settings import Settings
from web.http.client_address import ClientAddresses
from web.limits.fair_queue import FairQueue, TooManyOperations, Wait
from web.limits.local_rate import LocalRate
from web.switches import switches_at

_SHARE = 2
"""An address has the slots of a caller's operations, divided by this."""
_OF_ONE_CONNECTION = 4
"""Of a pool of one connection no turn leaves any to others: so many, that it is never idle."""
UNKNOWN_AT_ONCE, UNKNOWN_PER_S = 250, 50
"""Tokens and files that are none, of an address: how many are looked up at once, then a second."""
_MOST_ADDRESSES = 10_000


class TooManyUnknown(DatabaseError):
    """An address asks for tokens and files that are none, so another one is not looked up now."""

    code = DatabaseBusy.code
    public_message = (
        "Your address has sent many API tokens, or asked for many files, that are unknown, expired "
        "or revoked. Try again in some seconds, with one that works."
    )

    def __init__(self) -> None:
        super().__init__(
            "its address has sent many API tokens or files' addresses that are unknown or expired"
        )


class LookUpTurns:
    """The look-ups of this process."""

    def __init__(self, settings: Settings, flags: Flags) -> None:
        self._addresses, self._flags = ClientAddresses(settings.trusted_proxies), flags
        self._wait_s = settings.operation_wait_s
        pool = settings.most_connections
        self.queue = FairQueue(
            max(1, settings.operations_at_once // _SHARE) if pool > 1 else _OF_ONE_CONNECTION,
            waiting=settings.waiting_operations,
            wait_s=self._wait_s,
        )

        self._unknown = LruMap[str, LocalRate](_MOST_ADDRESSES)
        self.refused_unknown = 0
        """How many were not looked up for that, since the process started."""

    def admit(self, scope: Scope) -> None:
        """Let a token or file be looked up that was not known just now. Raises TooManyUnknown."""
        address = self._addresses.of(scope)
        rate = self._unknown.find(address)
        if rate is None or not rate.take(0, monotonic()):
            return
        if switches_at(self._flags, address).rate_limiting:
            self.refused_unknown += 1
            raise TooManyUnknown

    def count_unknown(self, scope: Scope) -> None:
        """Count a token that nobody has, or a file that is none."""
        address, now = self._addresses.of(scope), monotonic()
        rate = self._unknown.find(address)
        if rate is None:
            rate = LocalRate(UNKNOWN_AT_ONCE, UNKNOWN_PER_S, now)
            self._unknown.keep(address, rate)
        rate.take(1, now)

    @asynccontextmanager
    async def taken(self, scope: Scope) -> AsyncIterator[None]:
        """Take a turn for a request. Raises DatabaseBusy if none came in time."""
        address = self._addresses.of(scope)
        is_limited = switches_at(self._flags, address).rate_limiting
        try:
            await self.queue.acquire(address, Wait(), is_limited=is_limited)
        except TooManyOperations:
            raise DatabaseBusy(self._wait_s) from None
        try:
            yield
        finally:
            self.queue.release(address)
