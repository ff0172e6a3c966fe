"""The resolver cache: rendered answers of root fields, in Redis for all processes and, the most used, in this one.

An entry says which version of the data it was made of (`graph/versions.py`), and is used only while that is the
current one: what was written is seen by the next read, in whatever process, and no key is ever hunted down. The times
bound how long an entry is kept besides. Redis away: what is not in this process comes from the database; that is
counted, and logged once a minute.

For each key one answer is computed at a time, in all processes; whoever asks for it meanwhile waits for it. An entry
that is soon to expire is computed anew while it still serves.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from redis import RedisError
from redis.asyncio import Redis

from graph.charge import objects_in_json
from graph.plan.unit import CONSTANT, Key, Kind

_PREFIX = "pacegraph:cache:"
_REFRESH_AT = 0.9  # of an entry's time
_SHARE = 4  # an entry takes no more than this part of the memory
_ENTRY_BYTES = 400  # an entry's own, about
_MAX_BYTES = 256 * 1024  # of an entry in Redis
_FLIGHT_MS = 5000
_POLL_S = 0.01
_WAIT_S = 1.0
_PATIENCE_S = 0.25
"""How long a request waits for Redis's answer, at most once a second: then Redis is away."""
_AWAY_S = 1.0
_LOG_EVERY_S = 60.0
_SEPARATOR = b"|"

# KEYS: entries. ARGV: how long a flight may take in ms, this flight's mark, the version each entry must have. For each:
# the entry, 1 where there is none and the caller is to compute it, 0 where somebody else does.
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

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Wanted:
    """An answer that is asked for: of `subject`'s data in a `version`, kept for `lifetime_s` at most."""

    key: Key
    subject: int
    version: int
    lifetime_s: float


@dataclass(eq=False, slots=True)
class Entry:
    """An answer: its JSON, how many objects it has, and the version it is of. `made_at` is in epoch seconds."""

    version: int
    body: bytes
    objects: int
    made_at: float
    lifetime_s: float
    is_refreshing: bool = False

    @property
    def age_s(self) -> float:
        return max(0.0, time.time() - self.made_at)


Compute = Callable[[Sequence[int]], Awaitable[Sequence[bytes]]]
"""Computes the answers of some of the places of what is asked for, in their order."""


class ResolverCache:
    """The cache of one process. `lifetimes` are the seconds of each kind; 0: not cached."""

    def __init__(
        self,
        redis: Redis,
        lifetimes: Mapping[Kind, float],
        memory_bytes: int,
        is_redis_away: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_redis_away` tells what others found out: then it is not asked."""
        self._lifetimes = lifetimes
        self._memory = _Memory(memory_bytes)
        self._shared = _Shared(redis, is_redis_away)
        self._flights: dict[tuple[Key, int], asyncio.Future[Entry | None]] = {}
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

    def lifetime_s(self, kinds: frozenset[Kind] | None) -> float:
        """Tell how long an answer of these kinds is kept: 0 where one of them is not cached at all."""
        return min((self._lifetimes[each] for each in kinds), default=0.0) if kinds else 0.0

    async def answers(self, wanted: Sequence[Wanted | None], compute: Compute) -> list[Entry]:
        """Find or compute an answer for each place; None is one that is not cached. Raises what `compute` raises."""
        found: list[Entry | None] = [None] * len(wanted)
        missing, led, awaited = [], [], []
        for place, each in enumerate(wanted):
            if each is None:
                missing.append(place)
            elif entry := self._in_memory(each, compute, place):
                found[place] = entry
            elif flight := self._flights.get((each.key, each.version)):
                awaited.append((place, flight))
            else:
                self._flights[each.key, each.version] = asyncio.get_running_loop().create_future()
                led.append(place)
        if led or missing:
            await self._lead(wanted, found, led, missing, compute)
        for place, flight in awaited:
            found[place] = await asyncio.shield(flight)
            if found[place] is None:  # whoever computed it failed, perhaps for reasons of their own: another leads
                [found[place]] = await self.answers([wanted[place]], _at(place, compute))
        return [each for each in found if each is not None]

    def _in_memory(self, wanted: Wanted, compute: Compute, place: int) -> Entry | None:
        entry = self._memory.find(wanted.key)
        if entry is None or entry.version != wanted.version or entry.age_s >= wanted.lifetime_s:
            return None
        self.counts["memory"] += 1
        if entry.age_s > wanted.lifetime_s * _REFRESH_AT and not entry.is_refreshing:
            entry.is_refreshing = True
            task = asyncio.create_task(self._refresh(wanted, compute, place))
            self._refreshes.add(task)
            task.add_done_callback(self._refreshes.discard)
        return entry

    async def _lead(
        self,
        wanted: Sequence[Wanted | None],
        found: list[Entry | None],
        led: Sequence[int],
        missing: list[int],
        compute: Compute,
    ) -> None:
        """Fill the places that are led and missing; whoever waits for those led is told, even of a failure."""
        try:
            shared = await self._shared.find([each for place in led if (each := wanted[place])])
            for place, entry in zip(led, shared, strict=True):
                found[place] = entry
            missing += [place for place in led if found[place] is None]
            if missing:
                for place, body in zip(missing, await compute(missing), strict=True):
                    found[place] = _entry(wanted[place], body)
            for place in led:
                self._keep(wanted[place], found[place], is_new=place in missing)
        finally:
            for place in led:
                each = wanted[place]
                assert each is not None
                self._flights.pop((each.key, each.version)).set_result(found[place])
                if found[place] is None:
                    self._shared.keep(each, None)

    def _keep(self, wanted: Wanted | None, entry: Entry | None, *, is_new: bool) -> None:
        assert wanted is not None
        assert entry is not None
        self.counts["miss" if is_new else "redis"] += 1
        self._memory.keep(wanted.key, entry)
        if is_new:
            self._shared.keep(wanted, entry)

    async def _refresh(self, wanted: Wanted, compute: Compute, place: int) -> None:
        """Compute an answer anew before it expires, if no other process does."""
        if not await self._shared.lead_refresh(wanted):
            return
        try:
            entry = _entry(wanted, (await compute([place]))[0])
        except Exception:
            logger.warning("an answer could not be refreshed", exc_info=True)
            return
        self.counts["refresh"] += 1
        self._memory.keep(wanted.key, entry)
        self._shared.keep(wanted, entry)

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self._shared.close()


class _Memory:
    """Entries of this process, of bounded size together; the one not used for longest goes first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self.bytes = 0

    def find(self, key: Key) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def keep(self, key: Key, entry: Entry) -> None:
        if (old := self._entries.pop(key, None)) is not None:
            self.bytes -= _size(key, old)
        if _size(key, entry) * _SHARE > self._limit:
            return
        self._entries[key] = entry
        self.bytes += _size(key, entry)
        while self.bytes > self._limit:
            self.bytes -= _size(*self._entries.popitem(last=False))


def _size(key: Key, entry: Entry) -> int:
    """Bytes of an entry, about; variables may be longer than what they ask for."""
    return len(entry.body) + len(key.variables) + _ENTRY_BYTES


class _Shared:
    """Entries in Redis, for all processes; each is its version, when it was made in epoch seconds, and its JSON."""

    def __init__(self, redis: Redis, is_redis_away: Callable[[], bool]) -> None:
        self._redis, self._is_redis_away = redis, is_redis_away
        self._script = redis.register_script(_FIND)
        self._writes: set[asyncio.Task[None]] = set()
        self._away_until = 0.0
        self._logged_at = -_LOG_EVERY_S
        self.failures = 0

    async def find(self, wanted: Sequence[Wanted]) -> list[Entry | None]:
        """Find the entry of each; None: the caller is to compute it. Waits for what others are computing."""
        places = [place for place, each in enumerate(wanted) if each.subject != CONSTANT]
        found: list[Entry | None] = [None] * len(wanted)
        if not places or self._is_away:
            return found
        give_up_at = time.monotonic() + _WAIT_S
        while places:
            try:
                answers = await self._ask([wanted[place] for place in places])
            except (RedisError, OSError) as error:
                self._note_failure(error)
                return found
            for place, answer in zip(places, answers, strict=True):
                if isinstance(answer, bytes):
                    found[place] = _parsed(answer, wanted[place])
            places = [place for place, answer in zip(places, answers, strict=True) if answer == 0]
            if places and time.monotonic() > give_up_at:
                return found  # it takes others too long
            if places:
                await asyncio.sleep(_POLL_S)
        return found

    @property
    def _is_away(self) -> bool:
        return self._is_redis_away() or time.monotonic() < self._away_until

    async def _ask(self, wanted: Sequence[Wanted]) -> list[bytes | int]:
        keys = [_PREFIX + each.key.text() for each in wanted]
        versions = [each.version for each in wanted]
        async with asyncio.timeout(_PATIENCE_S):
            answers: list[bytes | int] = await self._script(keys=keys, args=[_FLIGHT_MS, "1", *versions])
        return answers

    def keep(self, wanted: Wanted, entry: Entry | None) -> None:
        """Write an entry in the background, and end its flight; None: it could not be computed. Nobody waits."""
        if wanted.subject == CONSTANT or self._is_away:
            return
        task = asyncio.create_task(self._write(wanted, entry))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, wanted: Wanted, entry: Entry | None) -> None:
        key = _PREFIX + wanted.key.text()
        value = b"%d|%f|" % (entry.version, entry.made_at) + entry.body if entry is not None else None
        try:
            async with asyncio.timeout(_PATIENCE_S), self._redis.pipeline(transaction=False) as pipeline:
                if value is not None and len(value) <= _MAX_BYTES:
                    pipeline.set(key, value, px=max(1, int(wanted.lifetime_s * 1000)))
                pipeline.delete(f"{key}:flight:{wanted.version}")
                await pipeline.execute()
        except (RedisError, OSError) as error:
            self._note_failure(error)

    async def lead_refresh(self, wanted: Wanted) -> bool:
        """Tell whether this process is to refresh an entry; with Redis away each does for itself."""
        if wanted.subject == CONSTANT or self._is_away:
            return True
        try:
            async with asyncio.timeout(_PATIENCE_S):
                key = f"{_PREFIX}{wanted.key.text()}:refresh"
                return bool(await self._redis.set(key, "1", nx=True, px=_FLIGHT_MS))
        except (RedisError, OSError) as error:
            self._note_failure(error)
            return True

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        now = time.monotonic()
        self._away_until = now + _AWAY_S
        if now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = now
            logger.warning("Redis is away, answers are not shared", extra={"error": type(error).__name__})

    async def close(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)


def _entry(wanted: Wanted | None, body: bytes) -> Entry:
    version, lifetime_s = (wanted.version, wanted.lifetime_s) if wanted is not None else (0, 0.0)
    return Entry(version, body, objects_in_json(body), time.time(), lifetime_s)


def _parsed(value: bytes, wanted: Wanted) -> Entry | None:
    try:
        version, made_at, body = value.split(_SEPARATOR, 2)
        entry = Entry(int(version), body, objects_in_json(body), float(made_at), wanted.lifetime_s)
    except ValueError:
        return None  # not written by us
    return entry if body and entry.age_s < wanted.lifetime_s else None


def _at(place: int, compute: Compute) -> Compute:
    """Compute one place, whatever it is called."""
    return lambda _: compute([place])
