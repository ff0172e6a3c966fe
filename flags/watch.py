"""Keeps a process's flags fresh: reads Redis every FEATURE_FLAGS_REFRESH_S and at each change."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic
from typing import cast

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from flags.flags import Flags
from flags.store import CHANNEL, HASH, RESTORE, FlagStore, restore_arguments
from runtime.redis_cluster import tagged
from settings import Settings

_PATIENCE_S = 5.0
_FIRST_PATIENCE_S = 1.0
_AWAY_S = 5.0
_CANCEL_AGAIN_S = 0.1

logger = logging.getLogger(__name__)


class FlagWatch:
    """Keeps the flags of an asynchronous process fresh, from `start` to `close`."""

    def __init__(self, flags: Flags, redis: AsyncRedis, refresh_s: float) -> None:
        self._flags, self._redis, self._refresh_s = flags, redis, refresh_s
        self._hash = tagged(redis, HASH)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the flags once, if Redis answers quickly, and begin to watch them."""
        try:
            async with asyncio.timeout(_FIRST_PATIENCE_S):
                await self._look()
        except (RedisError, OSError) as error:
            self._flags.lose(error)
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        while self._task is not None and not self._task.done():
            self._task.cancel()  # redis-py swallows one that comes while it gives up waiting itself
            await asyncio.wait({self._task}, timeout=_CANCEL_AGAIN_S)

    async def _watch(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    async with asyncio.timeout(_PATIENCE_S):
                        await pubsub.subscribe(CHANNEL)
                    while True:
                        async with asyncio.timeout(_PATIENCE_S):
                            await self._look()
                        # News, or the time for a look: news may be lost.
                        async with asyncio.timeout(self._refresh_s + _PATIENCE_S):
                            await pubsub.get_message(
                                ignore_subscribe_messages=True, timeout=self._refresh_s
                            )
            except (RedisError, OSError) as error:
                self._flags.lose(error)
            except Exception:  # the next look may find something better
                logger.exception("the flags could not be read")
            await asyncio.sleep(self._refresh_s)

    async def _look(self) -> None:
        held = cast("Mapping[bytes, bytes]", await self._redis.hgetall(self._hash))
        lost = self._flags.heed(held)
        if lost is not None:
            await self._redis.eval(
                RESTORE, 1, self._hash, *cast("list[str]", restore_arguments(lost))
            )


class FlagReader:
    """Keeps the flags of a process without an event loop fresh, at each `refresh`.

    `level` is the log level of flags that differ from the settings when the process begins.
    """

    def __init__(self, settings: Settings, redis: Redis, level: int = logging.INFO) -> None:
        self.flags = Flags(settings)
        self._level = level
        self._store = FlagStore(settings, redis)
        self._refresh_s = settings.feature_flags_refresh_s
        self._due_at = 0.0

    def refresh(self) -> Flags:
        """Read the flags from Redis if it is time. Raises nothing; with Redis away they stay."""
        if monotonic() >= self._due_at:
            self._due_at = monotonic() + self._refresh_s
            try:
                lost = self.flags.heed(self._store.read(), self._level)
                self._level = logging.INFO
                if lost is not None:
                    self._store.restore(lost)
            except (RedisError, OSError) as error:
                self.flags.lose(error)
                # each look may take seconds
                self._due_at = monotonic() + max(_AWAY_S, self._refresh_s)
        return self.flags
