"""Buckets in Redis: read, filled by the time that passed, and taken from, in one atomic script for many at once."""

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
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from settings import Settings

PATIENCE_S = 0.05
"""How long a request waits for Redis, at most once: then Redis is away until it answers again."""
_PROBE_EVERY_S = 1.0
_PROBE_PATIENCE_S = 2.0
_LOG_EVERY_S = 60.0
_SLICES = 5
_MOST_SLICES = 20

# KEYS: buckets. ARGV, for each: capacity, refill a second, the level where Redis knows none, what goes back into it
# (less than 0: what was spent elsewhere), the amount to take, and how much to lease besides if there is plenty.
# Returns for each: its level, whether the amount was taken, what was leased. Time is Redis's own, so that processes
# whose clocks differ agree. A bucket that nobody touched for so long that it is full is the same as none.
_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local answers = {}
for i, key in ipairs(KEYS) do
    local at = (i - 1) * 6
    local capacity, refill, level = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local back, amount, ahead = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
    local bucket = redis.call('HMGET', key, 'level', 'at')
    if bucket[1] and bucket[2] then
        level = tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * refill
    end
    level = math.max(0, math.min(capacity, math.min(capacity, level) + back))
    local taken, leased = level >= amount, 0
    if taken then
        leased = math.min(ahead, math.floor((level - amount) / 2))
        level = level - amount - leased
    end
    redis.call('HSET', key, 'level', string.format('%.17g', level), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', key, string.format('%.0f', math.min(math.ceil(capacity / refill) + 1, 1000000000)))
    answers[i] = {string.format('%.17g', level), taken and 1 or 0, leased}
end
return answers
"""
_SHA = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be done with one bucket; what the numbers are, the script says."""

    key: str
    capacity: int
    refill_per_s: float
    level: float
    back: float = 0.0
    amount: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of an entry."""

    level: float
    is_taken: bool
    leased: int


_PROBE = Entry("pacegraph:limits:probe", 1, 1.0, 1.0)


def connect(settings: Settings) -> Redis:
    """Make a client for a store of its own: another's patience is not ours. Nothing connects yet."""
    assert settings.redis_url is not None
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_connect_timeout=_PROBE_PATIENCE_S,
        socket_timeout=_PROBE_PATIENCE_S,
        retry=Retry(NoBackoff(), 1),  # a Redis that was restarted goes unnoticed
    )


class BucketStore:
    """Redis, as long as it answers. Once it does not, nobody waits for it until it does."""

    def __init__(self, redis: Redis, patience_s: float = PATIENCE_S) -> None:
        self._redis, self._patience_s = redis, patience_s
        self._logged_at = -_LOG_EVERY_S
        self._probe: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None
        self._is_closed = False
        self.is_away = False
        """Whether Redis did not answer the last time."""
        self.losses = 0
        """How often Redis was found to be away, since the process started."""

    async def settle(self, entries: Sequence[Entry]) -> list[Settled] | None:
        """Settle all entries, in their order; None when Redis is away, and then nobody knows whether it did."""
        try:
            return await _within(self._patience_s, self._evaluate(entries))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Redis, requests go on without it
            self._lose(error)
            return None

    async def close(self) -> None:
        """Probe no more, and disconnect."""
        self._is_closed = True
        if self._probe is not None:
            self._probe.cancel()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait({self._probing})
        await self._redis.aclose()

    async def _evaluate(self, entries: Sequence[Entry]) -> list[Settled]:
        keys = [each.key for each in entries]
        numbers = [
            number
            for each in entries
            for number in (each.capacity, each.refill_per_s, each.level, each.back, each.amount, each.ahead)
        ]
        try:
            answers = await self._redis.evalsha(_SHA, len(keys), *keys, *numbers)
        except NoScriptError:  # it was restarted, or told to forget scripts
            answers = await self._redis.eval(_SCRIPT, len(keys), *keys, *numbers)
        return [Settled(float(level), bool(taken), int(leased)) for level, taken, leased in answers]

    def _lose(self, error: Exception) -> None:
        self.is_away = True
        self.losses += 1
        if monotonic() - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = monotonic()
            is_expected = isinstance(error, RedisError | OSError)
            fields = {"error": f"{type(error).__name__}: {error}"}
            logger.warning("Redis is away, limits are kept in this process", exc_info=not is_expected, extra=fields)
        self._probe_later()

    def _probe_later(self) -> None:
        if not self._is_closed:
            loop = asyncio.get_running_loop()
            self._probe = loop.call_later(_PROBE_EVERY_S, self._begin_probe, context=Context())

    def _begin_probe(self) -> None:
        self._probing = asyncio.get_running_loop().create_task(self._look_again())

    async def _look_again(self) -> None:
        """Ask Redis to run the script: one that is full, or a replica, would answer but refuse it."""
        try:
            await _within(_PROBE_PATIENCE_S, self._evaluate([_PROBE]))
        except Exception:  # noqa: BLE001 - as above
            self._probe_later()
        else:
            self.is_away = False
            logger.info("Redis answers again, limits are shared")


async def _within(seconds: float, asking: Coroutine[Any, Any, list[Settled]]) -> list[Settled]:
    """Await Redis's answer. Raises TimeoutError.

    Time in which this process was busy does not count, within reason: the answer may be there long before it is read.
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
