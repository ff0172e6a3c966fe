"""Writes that wait for the end of the event loop's turn.

A write that finds its reader asleep wakes it, which takes longer than writing. The answers of one turn go out together:
the first wakes a client that has several requests under way, and the others find it awake. Head and body of an answer
become one write.
"""

import asyncio
from typing import Any

_MOST_BYTES = 64 * 1024
"""More is not held back, so that flow control sees it."""


class GatheredWrites:
    """A transport, but for writing: what is written in a turn of the loop is sent at its end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` at the end of the turn."""
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            if not self._transport.is_closing():  # the client may be gone by now
                self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what was written, then close."""
        self.flush()
        self._transport.close()
