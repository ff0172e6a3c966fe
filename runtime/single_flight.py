"""Shares one computation among all concurrent requests for the same key."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """Computes at most one value for each key at a time.

    A computation is a task of its own: it goes on when a waiting caller is cancelled.
    `on_done` is called with key and task before the callers get the result, unless the flights were
    forgotten in between.
    """

    def __init__(self, on_done: "Callable[[Key, asyncio.Task[Value]], None] | None" = None) -> None:
        self._on_done = on_done
        self._flights: dict[Key, asyncio.Task[Value]] = {}
        self._running: set[asyncio.Task[Value]] = set()

    def __len__(self) -> int:
        """Count the keys that are computed now."""
        return len(self._flights)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is computed now."""
        return key in self._flights

    async def run(self, key: Key, compute: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Get the value of a computation under way, or of a new one. Raises what it raises."""
        return await asyncio.shield(self.join(key, compute))

    def join(
        self, key: Key, compute: Callable[[], Coroutine[Any, Any, Value]]
    ) -> "asyncio.Task[Value]":
        """Get the task that computes a key's value, and begin it if necessary.

        Await it behind `asyncio.shield`, because others may await it too.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(compute())
            self._running.add(flight)
            flight.add_done_callback(lambda done: self._finish(key, done))
        return flight

    def forget(self) -> None:
        """Let the next caller of each key begin a new computation; those under way go on."""
        self._flights.clear()

    async def wait(self, timeout_s: float) -> None:
        """Wait until all computations have ended, forgotten ones too, or for `timeout_s` s."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_s)

    def _finish(self, key: Key, flight: "asyncio.Task[Value]") -> None:
        self._running.discard(flight)
        if not flight.cancelled():
            flight.exception()  # retrieved: perhaps no caller waits any more
        if self._flights.get(key) is flight:
            del self._flights[key]
            if self._on_done is not None:
                self._on_done(key, flight)
