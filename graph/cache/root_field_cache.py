"""The cache of root fields' answers, as JSON: in Redis for all processes, and in this process.

An entry carries the version of the data it was made from and is used only while that version is
current (`graph/cache/freshness.py`). A write is therefore seen by the next read in every
process, and no key has to be invalidated. Lifetimes bound the age of an entry as well. While Redis
is away, answers that are not in this process come from the database.

Each key is computed once at a time, across processes; other callers wait for the result. An entry
that expires soon is refreshed in the background while it is still served.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from graph.cache.entry import Answer, CacheEntry, CacheRequest
from graph.cache.freshness import age_if_current, expires_soon
from graph.cache.key import CacheKey, DataKind
from graph.cache.memory_tier import MemoryTier
from graph.cache.redis_tier import RedisTier

Compute = Callable[[Sequence[int]], Awaitable[Sequence[Answer]]]
"""Computes the answers at the given indexes, in that order."""
_Flight = asyncio.Future[CacheEntry | None]
"""An answer that is being computed. The result None means that computing it failed."""

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _RootLookup:
    """The answer to one root field that was not in memory.

    `request` and `flight` are None for an answer that is not cached. The leader of a flight fills
    it; other lookups await it.
    """

    index: int
    request: CacheRequest | None
    entry: CacheEntry | None = None
    flight: _Flight | None = None
    is_leader: bool = False


class RootFieldCache:
    """The cache of one process. `lifetimes` are in seconds by kind. 0: not cached."""

    def __init__(
        self,
        redis: Redis,
        lifetimes: Mapping[DataKind, float],
        memory_bytes: int,
        is_redis_away: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `is_redis_away`, as others found out, Redis is not asked."""
        self._lifetimes = lifetimes
        self._memory = MemoryTier(memory_bytes)
        self.redis = redis
        """The maker of the cache closes it."""
        self._shared = RedisTier(redis, is_redis_away)
        self._flights: dict[tuple[CacheKey, int], _Flight] = {}
        self._refreshes: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        """How often answers were found ("memory", "redis") or computed ("miss", "refresh")."""

    @property
    def failures(self) -> int:
        """How often Redis was away."""
        return self._shared.failures

    @property
    def memory_bytes(self) -> int:
        """Bytes of the entries in this process."""
        return self._memory.bytes

    @property
    def evictions(self) -> int:
        """How many entries in memory were dropped for others."""
        return self._memory.evictions

    def lifetime_s(self, kinds: frozenset[DataKind] | None) -> float:
        """Get the lifetime of an answer with these kinds. 0 where one of them is not cached."""
        return min((self._lifetimes[each] for each in kinds), default=0.0) if kinds else 0.0

    def at_hand(self, request: CacheRequest) -> CacheEntry | None:
        """Get a current entry of this process. None also where it is to be refreshed soon.

        It is not counted: `count_at_hand` does that once the answer is sent.
        """
        entry = self._memory.find(request.key)
        age_s = None if entry is None else age_if_current(entry, request)
        return None if age_s is None or expires_soon(age_s, request) else entry

    def count_at_hand(self, entries: int) -> None:
        """Count answers that `at_hand` found."""
        self.counts["memory"] += entries

    def keep(self, request: CacheRequest, answer: Answer) -> None:
        """Keep an answer that was computed otherwise, for data of the request's version or newer."""
        self.counts["miss"] += 1
        entry = CacheEntry.from_answer(request, answer)
        self._memory.keep(request.key, entry)
        self._shared.keep(request, entry)

    async def answers(
        self, requests: Sequence[CacheRequest | None], compute: Compute
    ) -> list[CacheEntry]:
        """Find or compute the answer to each request. None: an answer that is not cached.

        Raises what `compute` raises.
        """
        entries = [
            self._in_memory(request, index, compute) if request is not None else None
            for index, request in enumerate(requests)
        ]
        missing = [index for index, entry in enumerate(entries) if entry is None]
        if missing:
            lookups = [self._begin(index, requests[index]) for index in missing]
            to_fetch = [each for each in lookups if each.is_leader or each.flight is None]
            if to_fetch:
                await self._fetch(to_fetch, compute)
            for each in lookups:
                entries[each.index] = each.entry or await self._follow(each, compute)
        return [each for each in entries if each is not None]

    def _begin(self, index: int, request: CacheRequest | None) -> _RootLookup:
        """Join the flight for a request, or lead one."""
        if request is None:
            return _RootLookup(index, None)
        key = (request.key, request.version)
        flight = self._flights.get(key)
        if flight is not None:
            return _RootLookup(index, request, flight=flight)
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        return _RootLookup(index, request, flight=flight, is_leader=True)

    def _in_memory(self, request: CacheRequest, index: int, compute: Compute) -> CacheEntry | None:
        entry = self._memory.find(request.key)
        if entry is None or (age_s := age_if_current(entry, request)) is None:
            return None
        self.counts["memory"] += 1
        if expires_soon(age_s, request) and not entry.is_refreshing:
            entry.is_refreshing = True
            task = asyncio.create_task(self._refresh(request, index, compute))
            self._refreshes.add(task)
            task.add_done_callback(self._refreshes.discard)
        return entry

    async def _fetch(self, lookups: Sequence[_RootLookup], compute: Compute) -> None:
        """Find entries in Redis or compute them, and land the flights, even if that fails."""
        led = [each for each in lookups if each.is_leader]
        try:
            requests = [each.request for each in led if each.request is not None]
            for each, entry in zip(led, await self._shared.find(requests), strict=True):
                each.entry = entry
            missing = [each for each in lookups if each.entry is None]
            if missing:
                answers = await compute([each.index for each in missing])
                for each, answer in zip(missing, answers, strict=True):
                    each.entry = CacheEntry.from_answer(each.request, answer)
            for each in led:
                self._keep(each, is_new=each in missing)
        finally:
            for each in led:
                self._land(each)

    def _keep(self, lookup: _RootLookup, *, is_new: bool) -> None:
        assert lookup.request is not None
        assert lookup.entry is not None
        self.counts["miss" if is_new else "redis"] += 1
        self._memory.keep(lookup.request.key, lookup.entry)
        if is_new:
            self._shared.keep(lookup.request, lookup.entry)

    def _land(self, lookup: _RootLookup) -> None:
        """Give the entry to the waiting lookups. Without an entry one of them leads again."""
        request = lookup.request
        assert request is not None
        self._flights.pop((request.key, request.version)).set_result(lookup.entry)
        if lookup.entry is None:
            self._shared.keep(request, None)

    async def _follow(self, lookup: _RootLookup, compute: Compute) -> CacheEntry:
        """Wait for the entry that another caller computes.

        If that failed, perhaps for a reason of the caller's own, try as a leader.
        """
        assert lookup.flight is not None
        entry = await asyncio.shield(lookup.flight)
        if entry is None:
            index = lookup.index
            [entry] = await self.answers([lookup.request], lambda _: compute([index]))
        return entry

    async def _refresh(self, request: CacheRequest, index: int, compute: Compute) -> None:
        """Compute an answer again before it expires, unless another process does."""
        if not await self._shared.lead_refresh(request):
            return
        try:
            entry = CacheEntry.from_answer(request, (await compute([index]))[0])
        except Exception:
            logger.warning("an answer could not be refreshed", exc_info=True)
            return
        self.counts["refresh"] += 1
        self._memory.keep(request.key, entry)
        self._shared.keep(request, entry)

    async def wait_for_writes(self) -> None:
        """Wait for the writes to Redis that are under way."""
        await self._shared.wait_for_writes()

    async def close(self) -> None:
        """End the refreshes and wait for writes to Redis."""
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self.wait_for_writes()
