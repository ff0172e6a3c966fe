"""HTTP's first lines, bounded: uvicorn's parser would take any number of headers of any length, for any time.

What is written goes out at the end of the loop's turn (`web/gathered_writes.py`).
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web.gathered_writes import GatheredWrites

_MAX_HEAD_BYTES = 384 * 1024
"""Bytes of a request's address and headers. An address alone may have BODY_MAX_BYTES, 256 KiB unless set otherwise."""
_MAX_HEADERS = 200
_MAX_HEAD_S = 10.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which ends connections whose requests do not begin as they should."""

    _is_in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._raw_transport = transport
        super().connection_made(GatheredWrites(transport, self.loop))  # type: ignore[arg-type]
        self._deadline = self.loop.call_later(_MAX_HEAD_S, self._refuse, _TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_in_head:
            self._bound_idleness()
            return
        self._head_bytes += len(data)
        if self._head_bytes > _MAX_HEAD_BYTES or len(self.headers or ()) > _MAX_HEADERS:
            self._refuse(_TOO_LARGE)
        elif self._deadline is None:
            self._deadline = self.loop.call_later(_MAX_HEAD_S, self._refuse, _TOO_SLOW)

    def _bound_idleness(self) -> None:
        """Wait no longer than for a head: uvicorn ends its own waiting at any byte, whether it begins a request or not.

        Such are line ends between requests, and the rest of a body that was answered before it had all come.
        """
        is_answered = self.cycle is not None and self.cycle.response_complete
        if is_answered and self._deadline is None and self.transport.get_protocol() is self:  # no WebSocket now
            self._deadline = self.loop.call_later(_MAX_HEAD_S, self._refuse, _TOO_SLOW)

    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._forget_deadline()
        if len(self.headers) > _MAX_HEADERS:
            self._refuse(_TOO_LARGE)
            raise ValueError("too many headers")  # ends the parser's work
        self._is_in_head = False
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        self.transport = self._raw_transport  # messages of a WebSocket are gathered by its own protocol
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _refuse(self, answer: bytes) -> None:
        """End the connection; with an answer to a request that began, unless one to an earlier one is under way."""
        self._forget_deadline()
        if self.transport.is_closing():
            return
        if self._is_in_head and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(answer)
        self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
