"""The cache's entries in Redis, shared by all processes."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from redis import RedisError
from redis.asyncio import Redis

from graph.cache.entry import CacheEntry, CacheRequest
from graph.cache.freshness import age_if_current
from runtime import tracing
from runtime.redis_clients import CACHED_ANSWERS
from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage

_LARGEST_BYTES = 256 * 1024
_FLIGHT_MS = 5000
"""How long one process may compute an answer before another one tries."""
_POLL_S = 0.01
_WAIT_S = 1.0
"""How long a request waits for an answer that another process computes."""
_PATIENCE_S = 0.25
"""How long a request waits for Redis, at most once in `_RETRY_S`: then Redis is away."""
_RETRY_S = 1.0

# KEYS: entries. ARGV: how long a flight may take in ms, the mark of a flight, the version of each
# entry. Returns for each: the entry, 1 if there is none and the caller is to compute it, 0 if
# another process computes it.
_FIND = """
local found = {}
for i, key in ipairs(KEYS) do
    local wanted = ARGV[i + 2] .. '|'
    local entry = redis.call('GET', key)
    if entry and string.sub(entry, 1, #wanted) == wanted then
        found[i] = entry
    elseif redis.call('SET', key .. ':flight:' .. ARGV[i + 2], ARGV[2], 'NX', 'PX', ARGV[1]) then
        found[i] = 1
    else
        found[i] = 0
    end
end
return found
"""
_IS_COMPUTED_ELSEWHERE = 0
_TRACED = {"db.system.name": "redis", "db.operation.name": "EVALSHA"}

logger = logging.getLogger(__name__)


def _current(answer: bytes, request: CacheRequest) -> CacheEntry | None:
    """Read an entry. None where it is not current, or something else."""
    entry = CacheEntry.from_bytes(answer, request)
    return entry if entry is not None and age_if_current(entry, request) is not None else None


class RedisTier:
    """Entries in Redis. While it is away, nothing is found and nothing kept.

    Answers that depend on no stored data are not shared: to compute them is cheaper.
    """

    def __init__(self, redis: Redis, is_redis_away: Callable[[], bool]) -> None:
        self._redis, self._is_redis_away = redis, is_redis_away
        self._outage = RedisOutage(
            logger, "Redis is away, answers are not shared", retry_s=_RETRY_S
        )
        self._script = redis.register_script(_FIND)
        self._names = tagged(redis, CACHED_ANSWERS)
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def failures(self) -> int:
        """How often Redis was found to be away."""
        return self._outage.losses

    async def find(self, requests: Sequence[CacheRequest]) -> list[CacheEntry | None]:
        """Find the entry for each request. None: the caller is to compute it.

        Waits for entries that other processes compute.
        """
        found: list[CacheEntry | None] = [None] * len(requests)
        pending = [index for index, each in enumerate(requests) if each.is_stored]
        if not pending or self._is_away:
            return found
        give_up_at = time.monotonic() + _WAIT_S
        while True:
            try:
                answers = await self._ask([requests[index] for index in pending])
            except (RedisError, OSError) as error:
                self._outage.begin(error)
                return found
            elsewhere = []
            for index, answer in zip(pending, answers, strict=True):
                if isinstance(answer, bytes):
                    found[index] = _current(answer, requests[index])
                elif answer == _IS_COMPUTED_ELSEWHERE:
                    elsewhere.append(index)
            pending = elsewhere
            if not pending or time.monotonic() > give_up_at:
                return found
            await asyncio.sleep(_POLL_S)

    @property
    def _is_away(self) -> bool:
        return self._is_redis_away() or self._outage.is_away

    async def _ask(self, requests: Sequence[CacheRequest]) -> list[bytes | int]:
        keys = [self._names + each.key.text() for each in requests]
        versions = [each.version for each in requests]
        with tracing.span("EVALSHA", tracing.SpanKind.CLIENT, _TRACED):
            async with asyncio.timeout(_PATIENCE_S):
                answers: list[bytes | int] = await self._script(
                    keys=keys, args=[_FLIGHT_MS, "1", *versions]
                )
            tracing.note(
                db_response_returned__rows=sum(isinstance(each, bytes) for each in answers)
            )
        return answers

    def keep(self, request: CacheRequest, entry: CacheEntry | None) -> None:
        """Write an entry in the background and end its flight. None: it could not be computed."""
        if not request.is_stored or self._is_away:
            return
        task = asyncio.create_task(self._write(request, entry))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, request: CacheRequest, entry: CacheEntry | None) -> None:
        key = self._names + request.key.text()
        value = entry.to_bytes() if entry is not None else None
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                if value is not None and len(value) <= _LARGEST_BYTES:
                    pipeline.set(key, value, px=max(1, int(request.lifetime_s * 1000)))
                pipeline.delete(f"{key}:flight:{request.version}")
                await pipeline.execute()
        except (RedisError, OSError) as error:
            self._outage.begin(error)

    async def lead_refresh(self, request: CacheRequest) -> bool:
        """Whether this process is to refresh an entry. While Redis is away each one does."""
        if not request.is_stored or self._is_away:
            return True
        try:
            async with asyncio.timeout(_PATIENCE_S):
                key = f"{self._names}{request.key.text()}:refresh"
                return bool(await self._redis.set(key, "1", nx=True, px=_FLIGHT_MS))
        except (RedisError, OSError) as error:
            self._outage.begin(error)
            return True

    async def wait_for_writes(self) -> None:
        """Wait for the writes that are under way."""
        await asyncio.gather(*self._writes, return_exceptions=True)
