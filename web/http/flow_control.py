"""Flow control of a connection, which bounds what waits in both directions.

Requests wait while others are answered, and answers while the client does not read them.
"""

from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from web.http.address_bounds import BoundedConnection
from web.http.write_batching import GatheredWrites


class HeldFlow(FlowControl):
    """Flow control that reads nothing while requests wait, even if another part would read.

    No request begins while an earlier answer is not read: its own would be kept, too.
    """

    is_held = False
    _transport: GatheredWrites  # type: ignore[assignment]
    _next: Callable[[], None] | None = None

    def __init__(self, transport: GatheredWrites, connection: BoundedConnection | None) -> None:
        super().__init__(transport)  # type: ignore[arg-type]
        self._connection = connection

    def resume_reading(self) -> None:
        if self.read_paused and not self.is_held:
            super().resume_reading()

    def pause_writing(self) -> None:
        """Count what the client has not read, and cut its connection if that is too much."""
        super().pause_writing()
        if self._connection is not None and not self._connection.leaves_unread(
            self._transport.own_unread_bytes
        ):
            self._transport.cut()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._connection is not None:
            self._connection.leaves_unread(0)
        begin, self._next = self._next, None
        if begin is not None:
            begin()

    @property
    def holds_back(self) -> bool:
        """Tell whether a request waits until the client has read."""
        return self._next is not None

    def hold_back(self, begin: Callable[[], None]) -> bool:
        """Begin a request later if answers are not read; False where it may begin now."""
        if not self.write_paused:
            return False
        self._next = begin
        self.pause_reading()
        self.is_held = True
        return True

    def forget(self) -> None:
        """Begin no request anymore: the connection is lost."""
        self._next = None
