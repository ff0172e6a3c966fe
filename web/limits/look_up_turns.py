"""How many look-ups of one address ask PostgreSQL at once: of callers, and of files by their addresses.

Operations have slots of their own. Who only sends credentials or fetches files has none, and would
have as many connections of the pool as it has of its own: everybody else would wait behind it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Scope

from db.errors import DatabaseBusy
from flags.flags import Flags
from settings import Settings
from web.http.client_address import ClientAddresses
from web.limits.fair_queue import FairQueue, TooManyOperations, Wait
from web.switches import switches_at

_SHARE = 2
"""An address has the slots of a caller's operations, divided by this."""
_OF_ONE_CONNECTION = 4
"""Of a pool of one connection no turn leaves any to others: so many, that it is never idle."""


class LookUpTurns:
    """The look-ups of this process."""

    def __init__(self, settings: Settings, flags: Flags) -> None:
        self._addresses, self._flags = ClientAddresses(settings.trusted_proxies), flags
        self._wait_s = settings.operation_wait_s
        pool = settings.database_pool_size + settings.database_max_overflow
        self.queue = FairQueue(
            max(1, settings.operations_at_once // _SHARE) if pool > 1 else _OF_ONE_CONNECTION,
            waiting=settings.waiting_operations,
            wait_s=self._wait_s,
        )

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
