"""Limits what the messages of one WebSocket may cost, which uvicorn does not.

Every frame counts, of each kind: control frames are answered below the application. A compressed
message counts by the bytes that it becomes. Above the pace of its address
(`web/http/address_bounds.py`) a socket is not read, so the client waits.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from web.http.address_bounds import BoundedConnection
from web.http.message_compression import MessageCompression
from web.http.small_waits import Inbox, WriteGate

_SLICE_BYTES = 1024
"""Bytes that are parsed at once: a read may have tens of thousands of frames."""
_MOST_AT_ONCE = 32
"""Frames after which other connections have their turn."""
_UNPACKED_AT_ONCE = 64 * 1024
"""Bytes of decompressed messages after which they have it, too."""
_HANDSHAKE = 5
"""Messages that cost as much as a handshake."""
_MAX_FRAGMENTS = 1024
"""Frames of one message."""
_COMPRESSION = MessageCompression()

_BAD_HEAD = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which reads a socket no faster than its address may send."""

    # uvicorn's attributes too: as many as there are would take a dictionary of 2 kB.
    __slots__ = (
        "_at", "_connection", "_frames", "_next_read", "_unpacked_bytes", "_unread", "app",
        "app_state", "asgi_version", "client", "close_sent", "close_timeout", "close_timer",
        "config", "conn", "connections", "curr_msg_data_type", "default_headers", "disconnected",
        "frames", "handshake_complete", "handshake_initiated", "initial_response", "last_ping_rtt",
        "logger", "loop", "pending_ping_payload", "ping_interval", "ping_sent_at", "ping_timeout",
        "ping_timer", "pong_timer", "queue", "read_paused", "request", "response", "root_path",
        "scheme", "scope", "server", "tasks", "transport", "writable",
    )  # fmt: skip

    def __init__(
        self, *args: Any, connection: BoundedConnection | None, **options: Mapping[str, Any]
    ) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        if self.config.ws_per_message_deflate:
            self.conn.available_extensions = [_COMPRESSION]
        self.queue: Inbox[ASGIReceiveEvent] = Inbox()  # type: ignore[assignment]
        self.writable = WriteGate(is_set=True)  # type: ignore[assignment]
        self._connection = connection
        self._unread, self._at = b"", 0
        self._frames = self._unpacked_bytes = 0
        self._next_read: asyncio.Handle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_read is not None:
            self._next_read.cancel()
        if self._connection is not None:
            self._connection.lost(exc)
            self._connection.leave()
        super().connection_lost(exc)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        self._unread = self._unread[self._at :] + data if self._unread else data
        self._at = 0
        if self._next_read is not None:
            self._pause()
        elif not self.handshake_initiated and (wait_s := self._handshake_wait_s()):
            self._pause()
            self._next_read = self.loop.call_later(wait_s, self._resume)
        elif not self.read_paused or self.close_sent:
            self._read_on()

    def _handshake_wait_s(self) -> float:
        return 0.0 if self._connection is None else self._connection.wait_s(_HANDSHAKE, 0)

    def pause_writing(self) -> None:
        """Count what the client has not read, and cut its connection if that is too much."""
        super().pause_writing()
        size = self.transport.get_write_buffer_size()
        if self._connection is not None and not self._connection.leaves_unread(size):
            self.loop.call_soon(self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._connection is not None:
            self._connection.leaves_unread(0)

    def handle_ping(self) -> None:
        super().handle_ping()
        if not self.writable.is_set():
            self.pause_writing()  # the answer is more that is not read

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        """Parse a part of what was read, and arrange for the rest to follow."""
        self._next_read, self._frames, self._unpacked_bytes = None, 0, 0
        if self._connection is not None and (owed_s := self._connection.wait_s(0, 0)):
            # Others of its address have taken more: what a read costs is known only afterwards.
            self._pause()
            self._next_read = self.loop.call_later(owed_s, self._resume)
            return
        begin, end = self._at, len(self._unread)
        while self._at < end and self._has_its_turn():
            part = self._unread[self._at : self._at + _SLICE_BYTES]
            self._at += len(part)
            super().data_received(part)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                # websockets bounds a head more tightly, and uvicorn would let it wait forever.
                if self._connection is not None:
                    self._connection.strike("head")
                self.transport.write(_BAD_HEAD)
                self.transport.close()
        parsed = self._at - begin
        if self._at >= end:
            self._unread, self._at = b"", 0
        wait_s = 0.0
        if self._connection is not None:
            wait_s = self._connection.wait_s(self._frames, max(parsed, self._unpacked_bytes))
        if self.transport.is_closing() or not (wait_s or self._unread):
            return
        self._pause()
        if wait_s:
            self._next_read = self.loop.call_later(wait_s, self._resume)
        elif self.queue.empty() or self.close_sent:
            self._next_read = self.loop.call_soon(self._resume)

    def _has_its_turn(self) -> bool:
        return (
            self._frames < _MOST_AT_ONCE
            and self._unpacked_bytes < _UNPACKED_AT_ONCE
            and not self.transport.is_closing()
        )

    def _resume(self) -> None:
        """Read on, unless the application has messages to handle first."""
        self._next_read = None
        if not (self.queue.empty() or self.close_sent):
            return  # `receive` reads on
        self.read_paused = False
        if self._unread:
            self._read_on()
        if not (self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def handle_events(self) -> None:
        self._frames += len(self.conn.events)
        self._unpacked_bytes += sum(
            len(each.data) for each in self.conn.events if isinstance(each, Frame)
        )
        super().handle_events()

    def handle_parser_exception(self) -> None:
        if isinstance(error := self.conn.parser_exc, PayloadTooBig):
            self._unpacked_bytes += self.config.ws_max_size  # it is decompressed up to there
        if error is not None:
            # Its frames hold what was decompressed, in a circle that the collector comes to late.
            error.__traceback__ = error.__context__ = None
        super().handle_parser_exception()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if (
            self._connection is not None
            and self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        ):
            self._connection.identify(dict(self.scope))

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _MAX_FRAGMENTS:
            if self._connection is not None:
                self._connection.strike("fragments")
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over; the application has its own copy of the head. The parser's frame
            # keeps the request.
            self.request.headers.clear()
            del self.request, self.response

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty() and self._next_read is None:
            self._next_read = self.loop.call_soon(self._resume)
        return message
