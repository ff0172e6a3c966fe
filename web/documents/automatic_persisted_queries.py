"""Automatic persisted queries (APQ): texts in Redis that clients registered by their SHA-256.

The store is bounded and drops the least recently used. Callers are grouped into shares, and the
largest share is the one that drops, so that one caller cannot displace the others' texts. All texts
may be lost at any time: a client that gets PersistedQueryNotFound sends its text again.
"""

import asyncio
import logging
import re
from time import monotonic
from typing import Any, NamedTuple
from zlib import crc32

from redis import RedisError
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from runtime.bounded_map import WeightedLru
from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage
from web.documents.trusted_documents import hash_of

KEPT_S = 86_400
"""Seconds a text is kept after its last use."""
OVERHEAD_BYTES = 256
"""Bytes that an entry counts beyond its text: about what Redis needs."""
_SHARES = 16
_KEYS = ["pacegraph:apq:texts", *(f"pacegraph:apq:used:{share}" for share in range(_SHARES))]
_MEMORY_CHARACTERS = 2 * 1024 * 1024
_TOUCH_EVERY_S = 600.0
_PATIENCE_S = 0.25
_AWAY_S = 1.0
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)

# KEYS: the texts, each behind a letter for its share, with the bytes of every share among them (so
# that texts and sums are lost together); then for each share the hashes by last use. ARGV: hash,
# seconds an entry is kept, overhead.
_COMMON = """
local texts, hash, kept_s, overhead = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function drop(which, share)
  local length = redis.call('HSTRLEN', texts, which)
  redis.call('ZREM', KEYS[share + 1], which)
  if length == 0 then return 0 end
  redis.call('HDEL', texts, which)
  redis.call('HINCRBY', texts, 'bytes:' .. share, -(length - 1 + overhead))
  return length - 1 + overhead
end

local function touch(share)
  redis.call('ZADD', KEYS[share + 1], string.format('%.6f', now), hash)
  redis.call('EXPIRE', texts, kept_s)
  redis.call('EXPIRE', KEYS[share + 1], kept_s)
end

local function find()
  local kept = redis.call('HGET', texts, hash)
  if not kept then return false end
  local share = string.byte(kept) - 96
  local used = redis.call('ZSCORE', KEYS[share + 1], hash)
  if not used or tonumber(used) < now - kept_s then
    drop(hash, share)
    return false
  end
  touch(share)
  return string.sub(kept, 2)
end
"""
_FIND = _COMMON + "return find()"
# ARGV in addition: text, the caller's share (from 1), the bound. Returns whether the text is kept
# now.
_ADD = (
    _COMMON
    + """
local text, own, limit = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if find() then return 1 end
local size = #text + overhead
if size > limit then return 0 end
local old = redis.call('ZRANGEBYSCORE', KEYS[own + 1], '-inf', now - kept_s, 'LIMIT', 0, 100)
for _, each in ipairs(old) do drop(each, own) end
local held, total = {}, size
for share = 1, #KEYS - 1 do
  held[share] = tonumber(redis.call('HGET', texts, 'bytes:' .. share) or 0)
  total = total + held[share]
end
while total > limit do
  local most = 1
  for share = 2, #held do if held[share] > held[most] then most = share end end
  local oldest = redis.call('ZRANGE', KEYS[most + 1], 0, 0)[1]
  if not oldest then -- Redis dropped one of the keys, and the sums are no longer right
    redis.call('DEL', unpack(KEYS))
    break
  end
  local freed = drop(oldest, most)
  held[most], total = held[most] - freed, total - freed
end
redis.call('HSET', texts, hash, string.char(96 + own) .. text)
redis.call('HINCRBY', texts, 'bytes:' .. own, size)
touch(own)
return 1
"""
)

logger = logging.getLogger(__name__)


class _Held(NamedTuple):
    """A text in memory, and when Redis last heard of its use (monotonic clock)."""

    text: str
    touched_at: float

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.touched_at <= _TOUCH_EVERY_S


class PersistedQueries:
    """The registered texts; recent ones are kept in this process too, without a round trip."""

    def __init__(self, redis: Redis, max_bytes: int, patience_s: float = _PATIENCE_S) -> None:
        self._max_bytes, self._patience_s = max_bytes, patience_s
        self._find, self._add = redis.register_script(_FIND), redis.register_script(_ADD)
        self._keys = [tagged(redis, name) for name in _KEYS]
        self._memory = WeightedLru[str, _Held](
            min(_MEMORY_CHARACTERS, max_bytes), lambda _, held: len(held.text)
        )
        self._outage = RedisOutage(
            logger, "Redis is away, persisted queries are not found", retry_s=_AWAY_S
        )
        self.hits = self.misses = self.registered = 0

    @property
    def memory_characters(self) -> int:
        """Characters of the texts in this process, together."""
        return self._memory.weight

    def known(self, digest: str) -> str | None:
        """Get a text from memory; None also when Redis must learn that it is still in use."""
        held = self._memory.find(digest)
        if held is None or not held.is_fresh:
            return None
        self.hits += 1
        return held.text

    async def find(self, digest: str) -> str | None:
        """Get a text by its hash; None if it is unknown, or Redis is away."""
        if (text := self.known(digest)) is not None:
            return text
        if not _HASH.fullmatch(digest):
            return None
        found = await self._ask(self._find, digest)
        text = found.decode() if isinstance(found, bytes) else None
        if text is None or hash_of(text) != digest:
            held = self._memory.find(digest)
            text = None if held is None else held.text
        if text is None:
            self.misses += 1
            return None
        self._memory.keep(digest, _Held(text, monotonic()))
        self.hits += 1
        return text

    async def add(self, digest: str, text: str, owner: str) -> None:
        """Add a text whose hash was checked. `owner` is the key of the caller that paid for it."""
        held = self._memory.find(digest)
        if held is not None and held.is_fresh:
            return
        self._memory.keep(digest, _Held(text, monotonic()))
        share = crc32(owner.encode()) % _SHARES + 1
        if await self._ask(self._add, digest, text, share, self._max_bytes):
            self.registered += 1

    async def _ask(self, script: AsyncScript, digest: str, *arguments: str | int) -> Any:
        """Run a script; None while Redis is away."""
        if self._outage.is_away:
            return None
        try:
            async with asyncio.timeout(self._patience_s):
                return await script(
                    keys=self._keys, args=[digest, KEPT_S, OVERHEAD_BYTES, *arguments]
                )
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._outage.begin(error)
            return None
