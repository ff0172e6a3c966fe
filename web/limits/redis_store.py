"""Buckets in Redis: one atomic script reads, refills and takes from many at once."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from hashlib import sha1
from time import monotonic
from typing import Any

from redis import RedisError
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage

PATIENCE_S = 0.05
"""Seconds that a request waits for Redis. After that Redis is away until it answers again."""
_PROBE_EVERY_S = 1.0
_PROBE_PATIENCE_S = 2.0
_SLICES = 5
_MOST_SLICES = 20

# KEYS: buckets. ARGV, for each: capacity, refill a second, the level where Redis knows none, what
# goes back into it (less than 0: what was spent elsewhere), the amount to take, how much to lease
# in addition if there is plenty, and how much the bucket may owe. Returns for each: its level,
# whether the amount was taken, what was leased. Time is Redis's own, so that processes whose clocks
# differ agree. A bucket that was not used until it was full is the same as none.
_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local answers = {}
for i, key in ipairs(KEYS) do
    local at = (i - 1) * 7
    local capacity, refill, level = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local back, amount, ahead = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
    local debt = tonumber(ARGV[at + 7])
    local bucket = redis.call('HMGET', key, 'level', 'at')
    if bucket[1] and bucket[2] then
        level = tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * refill
    end
    level = math.max(-debt, math.min(capacity, math.min(capacity, level) + back))
    local taken, leased = amount == 0 or level >= amount, 0
    if taken then
        leased = math.max(0, math.min(ahead, math.floor((level - amount) / 2)))
        level = level - amount - leased
    end
    redis.call('HSET', key, 'level', string.format('%.17g', level), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', key, string.format('%.0f', math.min(math.ceil((capacity - math.min(0, level)) / refill) + 1, 1e9)))
    answers[i] = {string.format('%.17g', level), taken and 1 or 0, leased}
end
return answers
"""
_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BucketRequest:
    """A request for one bucket; the script describes its numbers."""

    key: str
    capacity: int
    refill_per_s: float
    level: float
    back: float = 0.0
    amount: int = 0
    ahead: int = 0
    debt: int = 0


@dataclass(frozen=True, slots=True)
class BucketResult:
    """The result of a BucketRequest."""

    level: float
    is_taken: bool
    leased: int


_PROBE = BucketRequest("pacegraph:limits:probe", 1, 1.0, 1.0)


class BucketStore:
    """Redis, as long as it answers. After a failure no request waits until it answers again."""

    def __init__(self, redis: Redis, patience_s: float = PATIENCE_S) -> None:
        self._redis, self._patience_s = redis, patience_s
        self._tag = tagged(redis, "")
        self._outage = RedisOutage(
            logger,
            "Redis is away, limits are kept in this process",
            end_message="Redis answers again, limits are shared",
        )
        self._probe: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer the last time."""
        return self._outage.is_away

    @property
    def losses(self) -> int:
        """How many times Redis was found to be away, since the process started."""
        return self._outage.losses

    async def settle(self, entries: Sequence[BucketRequest]) -> list[BucketResult] | None:
        """Run all requests, in their order. None: Redis is away, and may have run them or not."""
        try:
            return await _within(self._patience_s, self._evaluate(entries))
        except Exception as error:  # noqa: BLE001 - requests go on without Redis
            self._lose(error)
            return None

    async def close(self) -> None:
        """Stop probing, and disconnect."""
        self._is_closed = True
        if self._probe is not None:
            self._probe.cancel()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait({self._probing})
        await self._redis.aclose()

    async def _evaluate(self, entries: Sequence[BucketRequest]) -> list[BucketResult]:
        keys = [self._tag + each.key for each in entries]
        numbers = [
            number
            for each in entries
            for number in (
                each.capacity,
                each.refill_per_s,
                each.level,
                each.back,
                each.amount,
                each.ahead,
                each.debt,
            )
        ]
        try:
            answers = await self._redis.evalsha(_SHA, len(keys), *keys, *numbers)
        except NoScriptError:  # it was restarted, or told to forget scripts
            answers = await self._redis.eval(_SCRIPT, len(keys), *keys, *numbers)
        return [
            BucketResult(float(level), bool(taken), int(leased)) for level, taken, leased in answers
        ]

    def _lose(self, error: Exception) -> None:
        self._outage.begin(error, exc_info=not isinstance(error, RedisError | OSError))
        self._probe_later()

    def _probe_later(self) -> None:
        if not self._is_closed:
            loop = asyncio.get_running_loop()
            self._probe = loop.call_later(_PROBE_EVERY_S, self._begin_probe, context=Context())

    def _begin_probe(self) -> None:
        self._probing = asyncio.get_running_loop().create_task(self._look_again())

    async def _look_again(self) -> None:
        """Try the script: a Redis that is full, or a replica, answers but refuses it."""
        try:
            await _within(_PROBE_PATIENCE_S, self._evaluate([_PROBE]))
        except Exception:  # noqa: BLE001 - as above
            self._probe_later()
        else:
            self._outage.end()


async def _within(
    seconds: float, asking: Coroutine[Any, Any, list[BucketResult]]
) -> list[BucketResult]:
    """Await Redis' answer. Raises TimeoutError.

    Time in which this process was busy does not count, within bounds: the answer may have arrived
    long before it is read.
    """
    asked = asyncio.create_task(asking)
    slice_s, left = seconds / _SLICES, _SLICES
    try:
        for _ in range(_MOST_SLICES):
            began = monotonic()
            await asyncio.wait({asked}, timeout=slice_s)
            if asked.done():
                return asked.result()
            left -= monotonic() - began < 2 * slice_s
            if not left:
                break
    finally:
        if not asked.done():
            asked.add_done_callback(lambda task: task.cancelled() or task.exception())
            asked.cancel()
    raise TimeoutError(f"no answer within {seconds:g} s")
