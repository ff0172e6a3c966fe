"""Ends what takes too long."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")


class TimeLimit:
    """A limit that many awaitables have, each from its own start.

    `asyncio.timeout` makes and cancels a timer for each, which costs a short operation more than its other checks; here
    one timer waits for the oldest, as all have the same time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[object, tuple[float, asyncio.Task[Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask asyncio each time costs a call of the system

    async def run(self, awaitable: Awaitable[T]) -> T:
        """Await; raises TimeoutError when the time is over, after what was awaited was cancelled."""
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
        """End what is over time, and look again when the next will be."""
        self._timer, now = None, monotonic()
        for mark, (until, task) in list(self._running.items()):
            if until > now:
                assert self._loop is not None
                self._timer = self._loop.call_later(until - now, self._look)
                return
            del self._running[mark]
            task.cancel()
