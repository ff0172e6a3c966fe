"""Sends what a stream tells its client: in order, and bounded while the client does not read."""

import asyncio
from collections.abc import Awaitable, Callable

from web.protocols.stream_end import TRY_AGAIN_LATER, ClientGone, StreamEnded, too_much_unread
from web.protocols.subscriber import Subscriber


class Outbox:
    """What one stream sends. A message waits while its client does not read the ones before."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._timeout_s = subscriber.services.settings.subscription_send_timeout_s
        self._sending = asyncio.Lock()
        self._is_struck = False

    async def send(self, size: int, write: Callable[[], Awaitable[None]]) -> None:
        """Have `write` send a message of `size` bytes in its turn. Raises StreamEnded."""
        services, key = self._subscriber.services, self._subscriber.key
        unread = services.limits.unread
        has_room = unread.add(key, size)
        try:
            if not has_room and self._subscriber.switches.rate_limiting:
                is_known, self._is_struck = self._is_struck, True
                raise too_much_unread(services, key, is_known=is_known)
            async with self._sending, asyncio.timeout(self._timeout_s):
                await write()
        except TimeoutError as error:
            message = "The client did not read a message in time."
            raise StreamEnded(TRY_AGAIN_LATER, message) from error
        except OSError as error:
            raise ClientGone from error
        finally:
            unread.remove(key, size)
