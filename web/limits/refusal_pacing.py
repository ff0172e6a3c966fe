"""The pace of refusals: those who only collect them are not to take the loop's time from the others.

A refusal is cheap, but whoever collects nothing else asks for the next one at once. While the loop is busy they go out
at a rate that mistakes do not come near, each waiting for its moment, for a second at most. Connections that are only
opened count alike.
"""

import asyncio
from time import monotonic

_PER_S = 100
_BURST_S = 0.25
_MOST_S = 1.0
_BUSY_S = 0.003
"""A round of the loop that takes so long keeps everybody waiting at each step of their requests."""


class RefusalPace:
    """Paces the refusals of a process, whoever they are for: a flood has many addresses."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self.delayed = 0
        """How many were delayed, since the process started."""

    async def wait(self) -> None:
        """Wait for the moment of one more refusal."""
        began = monotonic()
        await asyncio.sleep(0)
        now = monotonic()
        self._next_at = max(self._next_at, now - _BURST_S) + 1 / _PER_S
        if now - began < _BUSY_S or self._next_at <= now:
            return
        self._next_at = min(self._next_at, now + _MOST_S)
        self.delayed += 1
        await asyncio.sleep(self._next_at - now)
