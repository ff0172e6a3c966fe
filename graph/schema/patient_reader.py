"""Reads for subscriptions: repeated while the database is busy, and shared by equal questions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context
from typing import Generic, ParamSpec, TypeVar

from db.errors import DatabaseError
from runtime.bounded_map import LruMap

_RETRY_S = (0.2, 0.5, 1.0)
"""Seconds before the second, the third and each later attempt at a read."""
_MAX_KEPT = 1000

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

logger = logging.getLogger(__name__)


class PatientReader:
    """Repeats reads while the database is busy or away, and counts them."""

    def __init__(self) -> None:
        self.reads = self.retries = 0

    async def patiently(
        self, read: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Read, as often as it takes. Logs an outage once."""
        attempts = 0
        while True:
            self.reads += 1
            try:
                found = await read(*args, **kwargs)
            except DatabaseError as error:
                if not attempts:
                    logger.warning("events of subscriptions are delayed: %s", error)
                self.retries += 1
                await asyncio.sleep(_RETRY_S[min(attempts, len(_RETRY_S) - 1)])
                attempts += 1
            else:
                if attempts:
                    logger.info(
                        "events of subscriptions continue", extra={"attempts": attempts + 1}
                    )
                return found


class SharedLooks(PatientReader, Generic[K, T]):
    """Looks of one process, one at a time; equal ones at the same time share one."""

    def __init__(self, read: Callable[[K], Awaitable[T]]) -> None:
        super().__init__()
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._kept = LruMap[K, asyncio.Task[T]](_MAX_KEPT)
        self._running: set[asyncio.Task[T]] = set()

    async def look(self, key: K) -> T:
        """Read what `key` names, patiently."""
        kept = self._kept.find(key)
        if kept is None or kept.done():
            # an empty context: the task outlives the request that started it
            task = asyncio.create_task(self._look(key), context=Context())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            kept = task
            self._kept.keep(key, kept)
        return await asyncio.shield(kept)

    async def close(self) -> None:
        """Cancel what runs. Call it before the database is closed."""
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _look(self, key: K) -> T:
        async with self._one_at_a_time:
            return await self.patiently(self._read, key)
