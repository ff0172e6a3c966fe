"""Limits what one HTTP connection may cost, which uvicorn does not.

Limits of the connection alone are in `web/http/connection_limits.py`: of a request's head, of what
stands outside of heads and bodies (chunk extensions, trailers), and of how many requests wait.
Those of its address are in `web/http/address_bounds.py`: the pace of requests, which
`web/http/paced_protocol.py` keeps, and how many bytes of unanswered requests there are. Responses
are written in batches (`web/http/write_batching.py`).
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
)

from web.http import connection_refusals
from web.http.address_bounds import FREE_BYTES, FREE_UNREAD_BYTES, STATE_KEY, AddressBounds
from web.http.connection_limits import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEAD_S,
    MAX_HEADERS,
    MAX_PARTS,
    MAX_PIPELINED,
    MAX_TARGET_BYTES,
    MAX_TRAILERS,
)
from web.http.flow_control import HeldFlow
from web.http.header_fields import parts_of, require_host
from web.http.linger import Linger
from web.http.paced_protocol import MOST_UNPAID_PIECES, PacedHttp
from web.http.server_connection import KEY, DefaultFields
from web.http.write_batching import GatheredWrites

_SLICE_BYTES = 1024
"""Bytes that are parsed at once: a read may have thousands of requests."""
_TURN_S = 0.005
"""Other connections have their turn after parsing for so long: small chunks take ten times as much."""

_default_fields = DefaultFields()


class BoundedHttp(PacedHttp):
    """uvicorn's protocol, with bounds. It closes connections with requests out of order."""

    _is_refused = False
    _is_in_head = True
    _is_chunked = False
    _head_bytes = _framing_bytes = _held_bytes = 0
    _host = b""
    _deadline: asyncio.TimerHandle | None = None
    _trailers: Sequence[tuple[bytes, bytes]] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        bounds: AddressBounds | None = self.app_state.get(STATE_KEY)
        if bounds is not None:
            peer = transport.get_extra_info("peername")
            self._connection = bounds.enter(peer[0] if isinstance(peer, tuple) else None)
            if self._connection is None:
                self._is_refused = True
                transport.write(connection_refusals.too_many())
                transport.close()
                return
        self._raw_transport = transport
        self._linger = Linger(transport, self.loop, self._has_rest)
        writes = GatheredWrites(transport, self.loop, self._linger.begin)
        super().connection_made(writes)  # type: ignore[arg-type]
        transport.set_write_buffer_limits(FREE_UNREAD_BYTES)
        self.flow = HeldFlow(self.transport, self._connection)  # type: ignore[arg-type]
        self._deadline = self.loop.call_later(MAX_HEAD_S, self._refuse_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_refused:
            return
        for timer in (self._deadline, self._late_start, self.timeout_keep_alive_task):
            if timer is not None:  # uvicorn leaves its own where the client reset
                timer.cancel()
        if self._connection is not None:
            self._pay_rest()
            self._connection.lost(exc)
            self._connection.leave()
        self.flow.forget()
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            # uvicorn tells only the last request of a connection.
            self._running.disconnected = True
            self._running.message_event.set()
        self._release()

    def _release(self) -> None:
        """Break reference cycles, so that memory is free at once and not at a collection."""
        self._linger.forget()
        for cycle, _ in self.pipeline:
            cycle.on_response = lambda: None
        self.pipeline.clear()
        self._unread = b""
        self.scope = self.headers = self.cycle = None  # type: ignore[assignment]
        self.parser = self._running = None  # type: ignore[assignment]

    # --- reading

    def data_received(self, data: bytes) -> None:
        if self._linger.is_on:
            self._linger.drop(len(data))
            return
        self._unpaid_bytes += len(data)
        self._held_bytes += len(data)
        if self._held_bytes > FREE_BYTES and not self._may_hold():
            return
        if self._unread:  # reading is paused, but this was read before
            self._unread += data
        elif len(data) <= _SLICE_BYTES:
            self._parse(data)
        else:
            self._unread = data
            self._read_on()
        if self._pieces > MOST_UNPAID_PIECES:
            self._pay_pieces()

    def _may_hold(self) -> bool:
        """Count what unanswered requests hold, and refuse the last one if that is too much."""
        if self._connection is None or self._connection.holds(self._held_bytes):
            return True
        self._strike("held")
        self._refuse(connection_refusals.too_much())
        return False

    def _hold_nothing(self) -> None:
        """Record that all requests are answered."""
        if self._held_bytes > FREE_BYTES and self._connection is not None:
            self._connection.holds(0)
        self._held_bytes = 0

    def _read_on(self) -> None:
        """Parse what was read, until too many requests wait or others have their turn."""
        data, at = self._unread, 0
        self._unread = b""
        ends = monotonic() + _TURN_S
        while at < len(data) and self._goes_on():
            if len(self.pipeline) >= MAX_PIPELINED:
                self._unread = data[at:]
                self._forget_deadline()  # the client is not slow
                self._strike("pipelining")
                return
            self._parse(data[at : at + _SLICE_BYTES])
            at += _SLICE_BYTES
            if self._pieces > MOST_UNPAID_PIECES:
                self._pay_pieces()
            if at < len(data) and (self._late_start is not None or monotonic() > ends):
                self._unread = data[at:]
                self._forget_deadline()
                self._read_in_turn()
                return

    def _read_in_turn(self) -> None:
        """Read nothing more until others had their turn, or what waits for the pace goes on."""
        self.flow.pause_reading()
        self.flow.is_held = True  # the application would read on
        if self._late_start is None:
            self.loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        if not (self._late_start or self.pipeline or self.flow.holds_back):
            self.flow.is_held = False
            self._read_late()

    def _read_late(self) -> None:
        """Parse what was not parsed while requests or others waited, then read on."""
        self._read_on()
        if not (self.pipeline or self._unread):
            self.flow.resume_reading()

    def _goes_on(self) -> bool:
        """Tell whether more is read: not after a WebSocket began, nor after the last request."""
        return (
            not self.transport.is_closing()
            and self.transport.get_protocol() is self
            and (self.cycle is None or self.cycle.keep_alive or self.cycle.more_body)
        )

    def _parse(self, data: bytes) -> None:
        if self._is_chunked:
            self._parse_chunked(data)
        else:
            HttpToolsProtocol.data_received(self, data)
        if self.pipeline:
            self.flow.is_held = True
        cycle = self.cycle
        if self._is_in_head:
            self._bound_head(len(data))
        elif cycle is not None and cycle.more_body:  # no WebSocket began
            self._is_chunked = any(
                name == b"transfer-encoding" for name, _ in cycle.scope["headers"]
            )
        if cycle is not None and cycle.response_complete and self._deadline is None:
            self._bound_idleness()

    def _parse_chunked(self, data: bytes) -> None:
        cycle, body_bytes = self.cycle, len(self.cycle.body)
        HttpToolsProtocol.data_received(self, data)
        if self.cycle is cycle:
            self._bound_framing(0 if len(cycle.body) > body_bytes else len(data))

    def _bound_framing(self, size: int) -> None:
        """Limit what comes beside a body's content: `size` bytes, 0 where there was content."""
        self._framing_bytes = self._framing_bytes + size if size else 0
        if self._framing_bytes > MAX_FRAMING_BYTES or len(self._trailers) > MAX_TRAILERS:
            self._refuse_framing()

    def _bound_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS:
            self._refuse_long_head()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(MAX_HEAD_S, self._refuse_slow)

    def _bound_idleness(self) -> None:
        """Limit the time until the next request begins.

        uvicorn's own limit ends at any byte, such as line breaks between requests, or the rest of a
        body that was answered early.
        """
        self._deadline = self.loop.call_later(MAX_HEAD_S, self._refuse_slow)

    # --- what the parser finds

    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        HttpToolsProtocol.on_message_begin(self)
        self.scope["extensions"] = {KEY: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        self._forget_deadline()
        headers = self.headers
        if len(headers) > MAX_HEADERS or len(self.url) > MAX_TARGET_BYTES:
            self._refuse_long_head()
            raise ValueError("the head is too long")  # ends the parser's work
        is_upgrade = self.parser.should_upgrade()
        if is_upgrade and self._is_busy():
            raise ValueError("a connection cannot be upgraded while requests wait")
        if self._head_bytes > MAX_PARTS and parts_of(headers) > MAX_PARTS:
            self._refuse_long_head()
            raise ValueError("the head has too many parts")
        hosts, host = 0, b""
        for name, value in headers:
            if name == b"host":
                hosts, host = hosts + 1, value
        if hosts != 1 or host != self._host:
            require_host(hosts, host, self.parser.get_http_version())
            self._host = host
        self._is_in_head, self._is_chunked, self._framing_bytes = False, False, 0
        HttpToolsProtocol.on_headers_complete(self)
        if not is_upgrade:
            # Fields that come later, after the body, are none of the request's headers.
            self.headers = self._trailers = []

    def handle_websocket_upgrade(self) -> None:
        from web.http.bounded_websocket import BoundedWebSocket  # few processes have WebSockets

        self.transport = self._raw_transport  # a WebSocket gathers its own messages
        protocol = partial(BoundedWebSocket, connection=self._connection)
        self.ws_protocol_class = protocol  # type: ignore[assignment]
        super().handle_websocket_upgrade()
        self._hold_nothing()
        self._release()

    # --- `web.http.server_connection.ServerConnection`

    def take_body(self, scope: Scope, max_bytes: int) -> bytes | None:
        cycle = self._running
        if (
            cycle is None
            or cycle.scope is not scope
            or cycle.more_body
            or len(cycle.body) > max_bytes
            or cycle.disconnected
        ):
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.message_event.clear()  # what comes next is the client's end
        if self.flow.read_paused:
            self.flow.resume_reading()
        return body

    def respond(self, scope: Scope, status: int, fields: bytes, body: bytes) -> bool:
        cycle = self._running
        if (
            cycle is None
            or cycle.scope is not scope
            or cycle.response_started
            or cycle.disconnected
            or not cycle.keep_alive
            or self.flow.write_paused
            or scope["method"] == "HEAD"
        ):
            return False
        default = _default_fields.written(cycle.default_headers)
        self.transport.writelines([STATUS_LINE[status], default, fields, b"\r\n", body])
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        self.on_response_complete()
        return True

    def cut(self) -> None:
        if self._running is not None:
            self._running.disconnected = True  # else uvicorn would log an error of the app
        self.transport.close()

    # --- the end

    def _has_rest(self) -> bool:
        """Tell whether the rest of an answered request's body is on its way."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn gives it
        if not self.transport.is_closing():
            self.transport.write(connection_refusals.malformed())
            self.transport.close()

    def _refuse_framing(self) -> None:
        """End a request with too much around the content of its body."""
        self._strike("framing")
        self._refuse(connection_refusals.TOO_LARGE)

    def _refuse_long_head(self) -> None:
        self._strike("head")
        self._refuse(
            connection_refusals.TARGET_TOO_LONG
            if len(self.url) > MAX_TARGET_BYTES
            else connection_refusals.TOO_LARGE
        )

    def _refuse_slow(self) -> None:
        if self._is_in_head and self._head_bytes:
            self._strike("head")
        self._refuse(connection_refusals.TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """Close the connection, after `answer` if the request that is read is next and has none."""
        self._forget_deadline()
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if self._is_in_head:
            if not self._is_busy():
                self.transport.write(answer)
        elif cycle is not None and not self.pipeline and not cycle.response_started:
            cycle.disconnected = True  # this is its answer
            self.transport.write(answer)
        self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _strike(self, bound: Any) -> None:
        if self._connection is not None:
            self._connection.strike(bound)
