"""Reads which jobs an athlete has: one read for all requests that arrive while it is under way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import datetime
from typing import ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import DatabaseError
from db.session import AsyncDatabase
from db.statements import job as statements
from graph.job_interface import RecentJob
from runtime.bounded_map import LruMap

_RETRY_S = (0.2, 0.5, 1.0)
"""Seconds before the second, the third and each later attempt at a read."""
_MOST_JOBS = 1000
_MAX_KEPT = 1000

P = ParamSpec("P")
T = TypeVar("T")
_Key = tuple[int, datetime]
Found = Sequence[RecentJob]

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
                    logger.warning("job events are delayed: %s", error)
                self.retries += 1
                await asyncio.sleep(_RETRY_S[min(attempts, len(_RETRY_S) - 1)])
                attempts += 1
            else:
                if attempts:
                    logger.info("job events continue", extra={"attempts": attempts + 1})
                return found


class RecentJobs(PatientReader):
    """Reads of one process, one at a time."""

    def __init__(self, database: AsyncDatabase) -> None:
        super().__init__()
        self._database = database
        self._one_at_a_time = asyncio.Lock()
        self._kept = LruMap[_Key, asyncio.Task[Found]](_MAX_KEPT)
        self._running: set[asyncio.Task[Found]] = set()

    async def recent(self, athlete_id: int, since: datetime) -> Found:
        """Find the jobs under way, and those ended at or after `since`, oldest first."""
        key = (athlete_id, since)
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

    async def _look(self, key: _Key) -> Found:
        async with self._one_at_a_time:
            return await self.patiently(self._read, key)

    async def _read(self, key: _Key) -> Found:
        athlete_id, since = key
        values = {"athlete": athlete_id, "since": since, "most": _MOST_JOBS}

        async def select(connection: AsyncConnection) -> Found:
            rows = await connection.execute(statements.recent_of_athlete(), values)
            return [RecentJob(row.id, row.version, row.has_ended) for row in rows]

        return await self._database.reading(select)
