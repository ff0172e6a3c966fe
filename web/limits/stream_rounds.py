"""Looks at all open streams of a process in one task, where each had several that mostly slept."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import Protocol

_TICK_S = 0.1
_LEAVE_S = 0.01
"""Seconds between rounds while the process stops: some streams take a moment, and others come."""

logger = logging.getLogger(__name__)


class LookedAtStream(Protocol):
    """An open stream. `look_at` is when there is something to do, on the monotonic clock."""

    look_at: float

    def look(self, now: float) -> None:
        """Do what is due, and set `look_at`."""

    def leave(self) -> None:
        """End: the process stops."""


class StreamRounds:
    """The open streams of this process. Their task runs while there are any.

    `tell` is told in each round how many there are, and at last that there are none.
    """

    def __init__(self, tell: Callable[[int], None] = lambda _: None) -> None:
        self._tell = tell
        self.stopping = asyncio.Event()
        """Set when the process stops: streams then end at once."""
        self._streams: set[LookedAtStream] = set()
        self._task: asyncio.Task[None] | None = None

    def enter(self, stream: LookedAtStream) -> None:
        """Look at a stream until `leave`."""
        self._streams.add(stream)
        if self._task is None:
            # an empty context: the task outlives the request that started it
            self._task = asyncio.create_task(self._run(), context=Context())

    def leave(self, stream: LookedAtStream) -> None:
        """Look at a stream no more."""
        self._streams.discard(stream)
        if not self._streams:
            self._streams = set()  # an emptied one keeps its size

    async def _run(self) -> None:
        try:
            while self._streams:
                self._tell(len(self._streams))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self.stopping.wait()
                if self.stopping.is_set():
                    for each in list(self._streams):
                        each.leave()
                    await asyncio.sleep(_LEAVE_S)
                    continue
                now = monotonic()
                for each in [each for each in self._streams if each.look_at <= now]:
                    self._look(each, now)
        finally:
            self._task = None
            self._tell(0)

    def _look(self, stream: LookedAtStream, now: float) -> None:
        try:
            stream.look(now)
        except Exception:  # one stream's failure is not the others'
            logger.exception("a stream could not be looked at")
            stream.look_at = now + _TICK_S
