"""The API's side of the job system: jobs go to RQ, changes come from one Redis channel."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from typing import Any, Self

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from graph.job_interface import JobChange
from jobs import enqueue
from runtime import tracing
from runtime.redis_clients import WRITE_PROBE, redis_client
from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage
from settings import Settings

_LOOK_AGAIN_S = 5.0
"""Seconds that a watcher waits for news before it reads the row anyway."""
_RECONNECT_S = 1.0
_SILENCE_S = 15.0
"""Seconds of silence after which Redis is pinged, and seconds that it has to answer."""
_HAND_OVER_S = 0.4
"""How long a request waits for Redis to take a job, or news of one. It goes on in the background.
"""
_MOST_UNDER_WAY = 100
"""Calls of Redis that go on in the background. Beyond it jobs are left to the reconciler."""
_GIVE_UP_S = 5.0
_MAX_JOBS_BEHIND = 1000
"""Changed jobs kept for a slow watcher; the oldest beyond that is dropped."""

_SENDING = {
    "messaging.system": "rq",
    "messaging.operation.type": "send",
    "messaging.destination.name": enqueue.QUEUE,
}

logger = logging.getLogger(__name__)


class _News:
    """Changes that a watcher has not read: each job's latest, and whether to read without any."""

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
        """Make the watcher read the row: a message may have been lost."""
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
    """`graph.job_interface.JobQueue` over Redis. All watchers of the process share one connection."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._redis = redis_client(settings)
        self._redis_async = redis
        self._by_job: _Watchers = {}
        self._by_athlete: _Watchers = {}
        self._listener: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        # Not the loop's own threads: a silent Redis must not take them from others.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="enqueue")
        # Watchers look at the row every few seconds anyway.
        self._outage = RedisOutage(logger, "Redis is away, job news is late")
        self.lost = 0
        """How many jobs could not be sent to Redis, since the process started."""

    @property
    def watchers(self) -> int:
        """How many watchers there are now."""
        return sum(
            len(each) for watchers in (self._by_job, self._by_athlete) for each in watchers.values()
        )

    async def enqueue(self, job_id: int, *, at_front: bool = False) -> None:
        with tracing.span(f"send {enqueue.QUEUE}", tracing.SpanKind.PRODUCER, _SENDING):
            if not await self._within_limits(self._enqueue(job_id, at_front=at_front)):
                self.lost += 1

    async def announce(self, change: JobChange) -> None:
        await self._within_limits(self._announce(change))

    async def _enqueue(self, job_id: int, *, at_front: bool) -> None:
        loop = asyncio.get_running_loop()
        call = partial(
            enqueue.enqueue,
            self._redis,
            job_id,
            at_front=at_front,
            traceparent=tracing.traceparent(),
        )
        if not await loop.run_in_executor(self._threads, call):
            self.lost += 1

    async def _announce(self, change: JobChange) -> None:
        with suppress(TimeoutError):  # watchers look at the row anyway
            async with asyncio.timeout(_GIVE_UP_S):
                await enqueue.publish_async(
                    self._redis_async, change.job_id, change.athlete_id, change.version
                )

    async def _within_limits(self, call: Coroutine[Any, Any, None]) -> bool:
        """Wait a moment for a call of Redis, which then goes on. False if too many go on."""
        if len(self._under_way) >= _MOST_UNDER_WAY:
            call.close()
            return False
        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=_HAND_OVER_S)
        return True

    async def check_writable(self) -> None:
        """Check that Redis takes writes, as queues need. Raises RedisError."""
        await self._redis_async.set(tagged(self._redis_async, WRITE_PROBE), 1, ex=60)

    @asynccontextmanager
    async def watch(
        self, *, job_id: int | None = None, athlete_id: int | None = None
    ) -> AsyncIterator[AsyncIterator[JobChange | None]]:
        if self._listener is None:
            # it is not one request's
            self._listener = asyncio.create_task(self._listen(), context=Context())
        watchers, key = (
            (self._by_job, job_id) if job_id is not None else (self._by_athlete, athlete_id)
        )
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
            # again, if need be: redis-py loses one that comes as its own time runs out
            self._listener.cancel()
            await asyncio.wait({self._listener}, timeout=0.1)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_HAND_OVER_S)
        for task in self._under_way:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._redis.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis_async.pubsub() as pubsub:
                    await pubsub.subscribe(enqueue.CHANNEL)
                    while True:
                        await self._hear(pubsub)
            except (RedisError, OSError) as error:
                self._outage.begin(error)
            except (ValueError, KeyError, TypeError) as error:
                logger.warning("job news that makes no sense", extra={"error": repr(error)})
            await asyncio.sleep(_RECONNECT_S)

    async def _hear(self, pubsub: PubSub) -> None:
        """Pass one message on. Raises RedisError or OSError if Redis is away or silent."""
        message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is None:
            await pubsub.ping()
            message = await pubsub.get_message(timeout=_SILENCE_S)
        if message is None:
            raise TimeoutError
        if message["type"] == "message":
            self._tell(json.loads(message["data"]))
        # for the first time or after a break, in which news was lost
        elif message["type"] == "subscribe":
            self._outage.end()
            self._have_all_look()

    def _tell(self, message: dict[str, int | None]) -> None:
        change = JobChange(message["id"] or 0, message["athlete_id"], message["version"] or 0)
        by_athlete = (
            self._by_athlete.get(change.athlete_id, ()) if change.athlete_id is not None else ()
        )
        for news in (*self._by_job.get(change.job_id, ()), *by_athlete):
            news.tell(change)

    def _have_all_look(self) -> None:
        for watchers in (self._by_job, self._by_athlete):
            for each in watchers.values():
                for news in each:
                    news.look()
