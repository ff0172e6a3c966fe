"""Lingering: the rest of a refused body is read for a moment before the connection closes.

The kernel resets a connection that is closed with something unread, and the client, which may read
nothing before it has sent everything, loses the answer.
"""

import asyncio
from collections.abc import Callable

from web.http.connection_limits import LINGER_BYTES, LINGER_S


class Linger:
    """Closes a connection: at once, or when its client has read the answer and closes too."""

    is_on = False

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_due: Callable[[], bool],
    ) -> None:
        """Make it for a connection; `is_due` tells whether something unread is on its way."""
        self._transport, self._loop, self._is_due = transport, loop, is_due
        self._bytes_left = LINGER_BYTES
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> bool:
        """Close later, if that is due; False where the connection is to be closed now."""
        if self.is_on or self._transport.is_closing() or not self._is_due():
            return False
        self.is_on = True
        self._timer = self._loop.call_later(LINGER_S, self._transport.close)
        self._transport.write_eof()  # the client sees that this was all
        self._transport.resume_reading()
        return True

    def drop(self, size: int) -> None:
        """Count what came and is dropped; close where it is too much."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            self._transport.close()

    def forget(self) -> None:
        """End: the connection is lost, or another protocol's. The owner is no longer referred to."""
        self._is_due = _never
        if self._timer is not None:
            self._timer.cancel()


def _never() -> bool:
    return False
