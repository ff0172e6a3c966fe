"""The job system, seen from the API: jobs go to RQ, news comes from one Redis channel to all watchers here."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis import RedisError
from redis.asyncio import Redis

from graph.job_queue import JobChange
from jobs import enqueue
from settings import Settings

_LOOK_AGAIN_S = 5.0
"""How long a watcher waits for news before it looks at the row anyway."""
_RECONNECT_S = 1.0
_MAX_BEHIND = 100
"""News kept for a slow watcher; beyond it the oldest is dropped, for the row holds the latest anyway."""

logger = logging.getLogger(__name__)

_Watchers = dict[int | None, set["asyncio.Queue[JobChange]"]]


class RedisJobQueue:
    """`graph.job_queue.JobQueue` over Redis. One connection listens for all watchers of the process."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._redis = enqueue.connect(settings)
        self._redis_async = redis
        self._by_job: _Watchers = {}
        self._by_athlete: _Watchers = {}
        self._listener: asyncio.Task[None] | None = None
        self.lost = 0
        """How many jobs Redis did not take, since the process started."""

    async def enqueue(self, job_id: int) -> None:
        if not await asyncio.to_thread(enqueue.enqueue, self._redis, job_id):
            self.lost += 1

    async def announce(self, change: JobChange) -> None:
        await enqueue.publish_async(self._redis_async, change.job_id, change.athlete_id, change.version)

    async def ping(self) -> None:
        """Check that Redis answers. Raises RedisError."""
        await self._redis_async.ping()

    @asynccontextmanager
    async def watch(
        self, *, job_id: int | None = None, athlete_id: int | None = None
    ) -> AsyncIterator[AsyncIterator[JobChange | None]]:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        watchers, key = (self._by_job, job_id) if job_id is not None else (self._by_athlete, athlete_id)
        news: asyncio.Queue[JobChange] = asyncio.Queue()
        watchers.setdefault(key, set()).add(news)
        try:
            yield _changes(news)
        finally:
            watchers[key].discard(news)
            if not watchers[key]:
                del watchers[key]

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        self._redis.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis_async.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(enqueue.CHANNEL)
                    async for message in pubsub.listen():
                        self._tell(json.loads(message["data"]))
            except (RedisError, OSError) as error:
                # Watchers look at the row every few seconds meanwhile.
                logger.warning("Redis is away, job news is late", extra={"error": type(error).__name__})
                await asyncio.sleep(_RECONNECT_S)

    def _tell(self, message: dict[str, int | None]) -> None:
        change = JobChange(message["id"] or 0, message["athlete_id"], message["version"] or 0)
        by_athlete = self._by_athlete.get(change.athlete_id, ()) if change.athlete_id is not None else ()
        for news in (*self._by_job.get(change.job_id, ()), *by_athlete):
            if news.qsize() >= _MAX_BEHIND:
                news.get_nowait()
            news.put_nowait(change)


async def _changes(news: "asyncio.Queue[JobChange]") -> AsyncIterator[JobChange | None]:
    yield None
    while True:
        try:
            yield await asyncio.wait_for(news.get(), _LOOK_AGAIN_S)
        except TimeoutError:
            yield None
