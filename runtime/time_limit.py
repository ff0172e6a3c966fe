"""Limits the time of awaitables with one timer."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")


class TimeLimit:
    """A time limit that many awaitables share, each from its own start.

    `asyncio.timeout` makes and cancels a timer for each, which costs a short operation more than
    its other checks. All limits here are equal, so one timer for the oldest is enough.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[object, tuple[float, asyncio.Task[Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        # to ask asyncio each time costs a call of the system
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> int:
        """How many awaitables run now."""
        return len(self._running)

    async def run(self, awaitable: Awaitable[T]) -> T:
        """Await. Raises TimeoutError at the limit, after the awaitable was cancelled."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        mark, cancelling = object(), task.cancelling()
        self._running[mark] = (monotonic() + self.seconds, task)
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._look)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if mark not in self._running and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise
        finally:
            self._running.pop(mark, None)

    def _look(self) -> None:
        """Cancel what exceeded the limit, and set the timer for the next."""
        self._timer, now = None, monotonic()
        for mark, (until, task) in list(self._running.items()):
            if until > now:
                assert self._loop is not None
                self._timer = self._loop.call_later(until - now, self._look)
                return
            del self._running[mark]
            task.cancel()
