"""Begins the requests of a connection one after another, in the pace of its address.

A request counts as one, and 16 KiB of it as another, which the next request waits for; so do 25
fields of its head beyond 50, which take as long to read. Bodies are read in pieces, as large as a
read or a chunk: these count as they come, so that small ones, which take most, are not read faster
than others are served. Health checks count as five: no rate bounds them.
"""

import asyncio
from functools import partial
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web.http.address_bounds import LIKE_A_REQUEST, BoundedConnection
from web.http.flow_control import HeldFlow
from web.limits.request_rate import EXEMPT

FREE_FIELDS = 50
"""Fields of a head that cost nothing: browsers behind several proxies send fewer."""
FIELDS_LIKE_A_REQUEST = 25
"""Further fields that count as one more request."""
CHECK_COUNT = 5
"""How many requests a health check counts as."""
PIECES_LIKE_A_REQUEST = 200
"""Pieces of bodies that count as one more request."""
MOST_UNPAID_PIECES = 1000
"""After so many they are counted."""


class PacedHttp(HttpToolsProtocol):
    """uvicorn's protocol, in the pace of an address."""

    flow: HeldFlow
    _connection: BoundedConnection | None = None
    _unpaid_bytes = _pieces = 0
    _late_start: asyncio.TimerHandle | None = None
    """What waits for the pace: a request, or the rest of a body."""
    _running: RequestResponseCycle | None = None
    _unread = b""
    """What was read and is not parsed yet."""

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        HttpToolsProtocol.on_body(self, body)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        connection = self._connection
        if connection is not None and connection.pace is not None:
            # This is `wait_s`, in parts: each call costs, and most requests do not wait.
            size = min(self._unpaid_bytes, connection.most_of_request)
            self._unpaid_bytes = 0
            count = (CHECK_COUNT if cycle.scope["path"] in EXEMPT else 1) + size / LIKE_A_REQUEST
            if (fields := len(cycle.scope["headers"])) > FREE_FIELDS:
                count += (fields - FREE_FIELDS) / FIELDS_LIKE_A_REQUEST
            owed_s = connection.pace.take(count, monotonic())
            if owed_s and (wait_s := connection.wait_for(owed_s)):
                self.flow.pause_reading()
                self.flow.is_held = True
                self._late_start = self.loop.call_later(wait_s, self._start_late, cycle, app)
                return
        if not self.flow.hold_back(partial(self._start_late, cycle, app)):
            self._running = cycle
            super()._start_asgi_task(cycle, app)

    def _start_late(self, cycle: Any, app: Any) -> None:
        self._late_start = None
        if not self.flow.hold_back(partial(self._start_late, cycle, app)):
            self._running = cycle
            super()._start_asgi_task(cycle, app)
            self._let_read()

    def _pay_pieces(self) -> None:
        """Count the pieces of a body, and read no more of it while the address is behind."""
        if self._late_start is not None:
            return
        pieces, self._pieces = self._pieces, 0
        connection = self._connection
        if connection is not None and (
            wait_s := connection.wait_s(pieces / PIECES_LIKE_A_REQUEST, 0)
        ):
            self.flow.pause_reading()
            self.flow.is_held = True
            self._late_start = self.loop.call_later(wait_s, self._go_on_late)

    def _go_on_late(self) -> None:
        """Read on after a pause in a body."""
        self._late_start = None
        if self.pipeline or not self._is_busy():
            self._let_read()
        else:
            self._read_again()

    def _pay_rest(self) -> None:
        """Count what is not paid at the connection's end: the others of its address wait for it."""
        connection = self._connection
        if connection is not None and connection.pace is not None:
            size = min(self._unpaid_bytes, connection.most_of_request)
            count = self._pieces / PIECES_LIKE_A_REQUEST + size / LIKE_A_REQUEST
            connection.pace.take(count, monotonic())

    def on_response_complete(self) -> None:
        if not (self.pipeline or self._unread or self.flow.is_held):
            self._hold_nothing()
            HttpToolsProtocol.on_response_complete(self)
            return
        self.flow.is_held = True  # what waits comes before what was not read
        super().on_response_complete()
        if not (self._late_start or self.flow.holds_back or self.transport.is_closing()):
            self._let_read()

    def _let_read(self) -> None:
        """Read on if no request waits."""
        if self.pipeline:
            self.flow.pause_reading()
            return
        self._hold_nothing()
        self._read_again()

    def _read_again(self) -> None:
        self.flow.is_held = False
        if self._unread:
            self.loop.call_soon(self._read_late)
        else:
            self.flow.resume_reading()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _hold_nothing(self) -> None:
        """Record that all requests are answered."""
        raise NotImplementedError

    def _read_late(self) -> None:
        """Parse what was not parsed yet, then read on."""
        raise NotImplementedError
