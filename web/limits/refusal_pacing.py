"""Paces refusals, so that a flood of refused requests does not take the event loop from others.

A refusal is cheap, but a client that gets only refusals sends the next request at once. While the
loop is busy, refusals leave at a rate that honest mistakes do not reach, each delayed by at most a
second. New WebSockets count too. `test_a_busy_loop_answers_so_many_a_second` fails without it.
"""

import asyncio
from time import monotonic

_PER_S = 100
_BURST_S = 0.25
_MOST_S = 1.0
_BUSY_S = 0.003
"""An iteration of the event loop this long delays every request."""


class RefusalPacing:
    """Paces the refusals of a process, for all clients together: a flood has many addresses."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self.delayed = 0
        """How many refusals were delayed, since the process started."""

    async def wait(self) -> None:
        """Wait until one more refusal may leave."""
        began = monotonic()
        await asyncio.sleep(0)
        now = monotonic()
        self._next_at = max(self._next_at, now - _BURST_S) + 1 / _PER_S
        if now - began < _BUSY_S or self._next_at <= now:
            return
        self._next_at = min(self._next_at, now + _MOST_S)
        self.delayed += 1
        await asyncio.sleep(self._next_at - now)
