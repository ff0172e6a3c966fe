"""The queue of callers before a process that reads documents: one after the other, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, TypeVar

from graph.document.errors import TooBusy
from graph.document.reader_process import DocumentProcess
from runtime.bounded_map import LruMap
from runtime.round_robin import RoundRobin, Ticket, TooManyWaiting

_HALF_LIFE_S = 5.0
_MAX_CALLERS = 1000
T = TypeVar("T")


class RecentTime:
    """The seconds that each caller's documents took, with a half-life of five seconds."""

    def __init__(self) -> None:
        self._spent = LruMap[Hashable, tuple[float, float]](_MAX_CALLERS)

    def of(self, caller: Hashable) -> float:
        spent_s, as_of = self._spent.find(caller) or (0.0, 0.0)
        return spent_s * 0.5 ** ((monotonic() - as_of) / _HALF_LIFE_S) if spent_s else 0.0

    def add(self, caller: Hashable, seconds: float) -> None:
        self._spent.keep(caller, (self.of(caller) + seconds, monotonic()))


class Lane:
    """Has work done in one process, for one caller after the other."""

    def __init__(self, process: DocumentProcess, times: RecentTime, most_waiting: int) -> None:
        self.process, self._times = process, times
        self._turns = RoundRobin(most_waiting)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="documents")

    def __len__(self) -> int:
        """Count what waits or is under way."""
        return len(self._turns)

    @property
    def refused(self) -> int:
        """How many documents were refused because too many waited."""
        return self._turns.refused

    def has(self, caller: Hashable) -> bool:
        """Tell whether something of a caller waits or is under way."""
        return self._turns.has(caller)

    def ask(self, caller: Hashable) -> Ticket:
        """Join the caller's line. Raises TooBusy."""
        try:
            return self._turns.ask(caller)
        except TooManyWaiting:
            raise TooBusy from None

    def share(self, ticket: Ticket, caller: Hashable) -> None:
        """Let what another caller waits for be as soon as this caller's turn comes."""
        self._turns.share(ticket, caller)

    async def run(
        self, ticket: Ticket, caller: Hashable, function: Callable[..., T], *arguments: Any
    ) -> T:
        """Call a function of the process in the thread that calls it. Raises TooBusy."""
        try:
            async with self._turns.turn(ticket):
                began = monotonic()
                try:
                    return await asyncio.get_running_loop().run_in_executor(
                        self._thread, function, *arguments
                    )
                finally:
                    self._times.add(caller, monotonic() - began)
        except TooManyWaiting:
            raise TooBusy from None

    def close(self) -> None:
        """End the process. What waits is refused."""
        self._turns.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.process.close()
