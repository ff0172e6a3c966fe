"""The job system, seen from the API: jobs go to RQ, news comes from one Redis channel to all watchers here."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Self

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from graph.job_queue import JobChange
from jobs import enqueue
from settings import Settings

_LOOK_AGAIN_S = 5.0
"""How long a watcher waits for news before it looks at the row anyway."""
_RECONNECT_S = 1.0
_SILENCE_S = 15.0
"""After so long without a word Redis is asked for one, and has as long to say it."""
_MAX_JOBS_BEHIND = 1000
"""Changed jobs that a slow watcher is told of when it comes back; beyond it the oldest is dropped."""

logger = logging.getLogger(__name__)


class _News:
    """What one watcher has not heard yet: of each job the latest change, and whether to look without any."""

    def __init__(self) -> None:
        self._changes: OrderedDict[int, JobChange] = OrderedDict()
        self._look = True
        self._come = asyncio.Event()
        self._come.set()

    def tell(self, change: JobChange) -> None:
        self._changes[change.job_id] = change
        if len(self._changes) > _MAX_JOBS_BEHIND:
            self._changes.popitem(last=False)
        self._come.set()

    def look(self) -> None:
        """Have the watcher look, whatever it heard: something may have been lost on the way."""
        self._look = True
        self._come.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JobChange | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._come.wait()
        return self._next()

    def _next(self) -> JobChange | None:
        change = None
        if self._look:
            self._look = False
        elif self._changes:
            _, change = self._changes.popitem(last=False)
        if not self._changes:
            self._come.clear()
        return change


_Watchers = dict[int | None, set[_News]]


class RedisJobQueue:
    """`graph.job_queue.JobQueue` over Redis. One connection listens for all watchers of the process."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._redis = enqueue.connect(settings)
        self._redis_async = redis
        self._by_job: _Watchers = {}
        self._by_athlete: _Watchers = {}
        self._listener: asyncio.Task[None] | None = None
        self._is_away = False
        self.lost = 0
        """How many jobs Redis did not take, since the process started."""

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return sum(len(each) for watchers in (self._by_job, self._by_athlete) for each in watchers.values())

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
            self._listener = asyncio.create_task(self._listen(), context=Context())  # it is not one request's
        watchers, key = (self._by_job, job_id) if job_id is not None else (self._by_athlete, athlete_id)
        news = _News()
        watchers.setdefault(key, set()).add(news)
        try:
            yield news
        finally:
            watchers[key].discard(news)
            if not watchers[key]:
                del watchers[key]

    async def close(self) -> None:
        while self._listener is not None and not self._listener.done():
            self._listener.cancel()  # again, if need be: redis-py loses one that comes as its own time runs out
            await asyncio.wait({self._listener}, timeout=0.1)
        self._redis.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis_async.pubsub() as pubsub:
                    await pubsub.subscribe(enqueue.CHANNEL)
                    while True:
                        await self._hear(pubsub)
            except (RedisError, OSError) as error:
                if not self._is_away:  # watchers look at the row every few seconds meanwhile
                    logger.warning("Redis is away, job news is late", extra={"error": type(error).__name__})
                self._is_away = True
            except (ValueError, KeyError, TypeError) as error:
                logger.warning("job news that makes no sense", extra={"error": repr(error)})
            await asyncio.sleep(_RECONNECT_S)

    async def _hear(self, pubsub: PubSub) -> None:
        """Pass one message on. Raises RedisError, OSError when Redis is away, or says nothing."""
        message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is None:
            await pubsub.ping()
            message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is None:
            raise TimeoutError
        if message["type"] == "message":
            self._tell(json.loads(message["data"]))
        elif message["type"] == "subscribe":  # for the first time or after a break, in which news was lost
            self._is_away = False
            self._have_all_look()

    def _tell(self, message: dict[str, int | None]) -> None:
        change = JobChange(message["id"] or 0, message["athlete_id"], message["version"] or 0)
        by_athlete = self._by_athlete.get(change.athlete_id, ()) if change.athlete_id is not None else ()
        for news in (*self._by_job.get(change.job_id, ()), *by_athlete):
            news.tell(change)

    def _have_all_look(self) -> None:
        for watchers in (self._by_job, self._by_athlete):
            for each in watchers.values():
                for news in each:
                    news.look()
