"""Batches writes: all writes of one iteration of the event loop are sent at its end.

A write that wakes an idle reader costs more than the write itself. Now the first write wakes a
client with several requests in progress, and the others find it awake; head and body of a response
are one write. docs/decisions/0004-batched-writes.md has the figures.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

_MOST_BYTES = 64 * 1024
"""Bytes that are held back at most, so that flow control works."""


class _EndOfTurn:
    """Sends at the end of an iteration of one event loop what its connections wrote, in one callback."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._written: list[GatheredWrites] = []

    def add(self, writes: "GatheredWrites") -> None:
        if not self._written:
            self.loop.call_soon(self._flush, context=Context())
        self._written.append(writes)

    def _flush(self) -> None:
        written, self._written = self._written, []
        for each in written:
            try:
                each.flush()
            except Exception as error:  # noqa: BLE001 - the loop tells of it; others are sent
                told = {"message": "an answer could not be sent", "exception": error}
                self.loop.call_exception_handler(told)


_end_of_turn: _EndOfTurn | None = None


def _end_of_turn_of(loop: asyncio.AbstractEventLoop) -> _EndOfTurn:
    """Get what the connections of a loop share; of several loops, the last one's is kept."""
    global _end_of_turn  # noqa: PLW0603 - a process serves by one loop
    if _end_of_turn is None or _end_of_turn.loop is not loop:
        _end_of_turn = _EndOfTurn(loop)
    return _end_of_turn


class GatheredWrites:
    """A transport that sends the writes of an iteration of the event loop at its end."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        lingers: Callable[[], bool],
    ) -> None:
        """Wrap `transport`. `lingers` is asked before it closes: if true, it is closed later."""
        self._transport = transport
        self._loop = loop
        self._end_of_turn = _end_of_turn_of(loop)
        self._lingers = lingers
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._shared_bytes = 0
        self.is_closing = transport.is_closing  # asked at each request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def own_unread_bytes(self) -> int:
        """Bytes that the client has not read yet, apart from those it shares with others."""
        return max(0, self._transport.get_write_buffer_size() - self._shared_bytes)

    def write(self, data: bytes | memoryview) -> None:
        """Send `data` at the end of the iteration, much of it now.

        Much is not copied. A `memoryview` is shared: until clients read it, a file's bytes are held
        once for all.
        """
        if len(data) > _MOST_BYTES:
            self.flush()
            self._shared_bytes = len(data) if isinstance(data, memoryview) else 0
            if not self._transport.is_closing():
                self._transport.write(data)
            return
        if not self._parts:
            self._end_of_turn.add(self)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _MOST_BYTES:
            self.flush()

    def writelines(self, parts: list[bytes]) -> None:
        """Send `parts` as one write. Much is not copied."""
        if sum(map(len, parts)) <= _MOST_BYTES:
            self.write(b"".join(parts))
            return
        self.flush()
        self._shared_bytes = 0
        if not self._transport.is_closing():
            self._transport.writelines(parts)

    def flush(self) -> None:
        """Send the pending writes now."""
        if self._parts:
            parts, self._parts, self._size = self._parts, [], 0
            if not self._transport.is_closing():  # the client may be gone by now
                self._transport.write(b"".join(parts))

    def cut(self) -> None:
        """Close without sending what waits, after the write that is under way."""
        self._loop.call_soon(self._transport.abort)

    def close(self) -> None:
        """Send the pending writes, then close."""
        self.flush()
        if not self._lingers():
            self._transport.close()
