"""Runs long computations beside the event loop, one at a time."""

import asyncio
from collections.abc import Callable, Hashable
from time import monotonic
from typing import ParamSpec, TypeVar

from runtime.round_robin import RoundRobin

P = ParamSpec("P")
T = TypeVar("T")


class WorkerThread:
    """Runs functions in a thread, one after the other, of each caller in turn.

    While more than one waits, it pauses after each for as long as that took: threads take their
    time from the event loop. At most `most` may run or wait.
    """

    def __init__(self, most: int = 1000) -> None:
        self._turns = RoundRobin(most)

    @property
    def asked(self) -> int:
        """How many computations run or wait."""
        return len(self._turns)

    async def run(
        self, caller: Hashable, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function` in the thread. Raises what it raises, and TooManyWaiting."""
        async with self._turns.turn(self._turns.ask(caller)):
            began = monotonic()
            try:
                return await asyncio.to_thread(function, *args, **kwargs)
            finally:
                if self.asked > 1:
                    await asyncio.sleep(monotonic() - began)
