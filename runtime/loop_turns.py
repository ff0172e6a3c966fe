"""Turns of the event loop: work that takes long lets others have it now and then."""

import asyncio
from contextvars import ContextVar
from time import monotonic

_TURN_S = 0.005

IS_CANCELLED: ContextVar[bool] = ContextVar("is_cancelled", default=False)
"""Whether the work under way only ends what was cancelled, and is to begin nothing more."""


class LoopTurns:
    """The turns of one operation, all of whose tasks share them."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began: float | None = None

    async def take(self) -> None:
        """Go on, in the next iteration of the loop if the operation has had enough of this one."""
        while self._is_long():  # noqa: ASYNC110 - that ends with this iteration
            await asyncio.sleep(0)
        if self._began is None:
            self._began = monotonic()
            asyncio.get_running_loop().call_soon(self._end)

    def _is_long(self) -> bool:
        return self._began is not None and monotonic() - self._began > _TURN_S

    def _end(self) -> None:
        self._began = None
