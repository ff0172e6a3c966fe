"""Turns of the event loop: work that takes long lets others have it now and then."""

import asyncio
from collections import deque
from contextvars import ContextVar
from time import monotonic

_TURN_S = 0.005
_WOKEN_AT_ONCE = 32

IS_CANCELLED: ContextVar[bool] = ContextVar("is_cancelled", default=False)
"""Whether the work under way only ends what was cancelled, and is to begin nothing more."""


class LoopTurns:
    """The turns of one operation, all of whose tasks share them."""

    __slots__ = ("_began", "_is_ending", "_waiting")

    def __init__(self) -> None:
        self._began: float | None = None
        self._is_ending = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def are_awaited(self) -> bool:
        """Whether tasks wait for a turn."""
        return bool(self._waiting)

    async def take(self) -> None:
        """Go on, in a later iteration of the loop if the operation has had enough of this one."""
        loop = asyncio.get_running_loop()
        is_behind = bool(self._waiting)
        while is_behind or self._is_long():
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
            is_behind = False
        if self._began is None:
            self._began = monotonic()
        self._end_soon(loop)

    def _is_long(self) -> bool:
        return self._began is not None and monotonic() - self._began > _TURN_S

    def _end_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_ending:
            self._is_ending = True
            loop.call_soon(self._end)

    def _end(self) -> None:
        """End the turns of this iteration; some that wait go on in the next."""
        self._began, self._is_ending = None, False
        woken = 0
        while self._waiting and woken < _WOKEN_AT_ONCE:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                woken += 1
        if self._waiting:
            self._end_soon(asyncio.get_running_loop())
