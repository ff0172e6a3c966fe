"""Counts the uses of old import names, by line of code, and of the REST routes.

Counting adds to a number in memory. A daemon thread writes the counts to Redis every second and
when the process ends; while Redis is away they wait, without delaying callers. In Redis they are
one hash of bounded size for all processes, shown by `pacegraph legacy-uses` and `/metrics`.
"""

import atexit
import concurrent.futures.thread  # noqa: F401 - redis needs it, also at the end of the process
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.redis_outage import RedisOutage
from settings import InvalidSettings, Settings, load_settings

if TYPE_CHECKING:
    from redis import Redis

USES_KEY = "pacegraph:legacy:uses"
SINCE_FIELD = "since"
"""The field with the start of the counting. It is lost together with the counts."""
MOST_PLACES = 2000
"""The most places to count separately; further ones are counted by name only."""
_ELSEWHERE = "(elsewhere)"
_FLUSH_S = 1.0
_REFRESH_S = 10.0
"""Seconds between reads of the totals while this process has nothing to add."""
_PATIENCE_S = 0.25
_END_PATIENCE_S = 5.0
"""The most seconds that the end of the process waits for the thread.

Redis gets `_PATIENCE_S` of them; on a busy machine the import of its client takes the rest.
"""

# A use's value is "count first last", the instants as seconds since 1970.
_ADD = """
for i = 3, #ARGV, 3 do
  local field = ARGV[i]
  if redis.call('HEXISTS', KEYS[1], field) == 0
      and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    field = ARGV[i + 1]
  end
  local count, first = 0, ARGV[2]
  local known = redis.call('HGET', KEYS[1], field)
  if known then
    count, first = string.match(known, '^(%d+) (%d+)')
  end
  local sum = string.format('%.0f', tonumber(count or 0) + tonumber(ARGV[i + 2]))
  redis.call('HSET', KEYS[1], field, sum .. ' ' .. (first or ARGV[2]) .. ' ' .. ARGV[2])
end
"""

logger = logging.getLogger(__name__)


class UsePlace(NamedTuple):
    """An old name and its place. `kind` is import or route; `site` is `file:line` of an import."""

    kind: str
    name: str
    site: str

    @property
    def elsewhere(self) -> "UsePlace":
        return UsePlace(self.kind, self.name, _ELSEWHERE)


@dataclass(frozen=True, slots=True)
class RecordedUse:
    """How often a place was used, and the first and last time."""

    place: UsePlace
    count: int
    first: datetime
    last: datetime


class LegacyUses:
    """The uses in this process. Methods are thread-safe, do not block and raise nothing."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Use REDIS_URL of `settings`; None loads them when needed. Does not connect."""
        self._settings = settings
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start from zero, also in a forked process: the parent keeps its own counts."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._pending: Counter[UsePlace] = Counter()
        self._sending: Counter[UsePlace] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._ends = False
        self._outage = RedisOutage(
            logger, "uses of old names are not counted in Redis for now", level=logging.INFO
        )

    def count_import(self, name: str, site: str) -> None:
        """Count a use of an old name (`database.get_db`) at `site`, a `file:line`."""
        self._note(UsePlace("import", name, site))

    def count_route(self, name: str) -> None:
        """Count a request. `name` is the route's, such as `GET /v1/activities/{id}`."""
        self._note(UsePlace("route", name, ""))

    def _note(self, place: UsePlace) -> None:
        with self._lock:
            is_known = place in self._pending or place in self._sending
            if not is_known and len(self._pending) + len(self._sending) >= MOST_PLACES:
                place = place.elsewhere
            self._pending[place] += 1
        self.watch()

    def counts(self) -> dict[tuple[str, str], int]:
        """Count uses by kind and name: the last totals from Redis plus this process's since."""
        with self._lock:
            counts = self._totals.copy()
            for place, count in (self._pending + self._sending).items():
                counts[place.kind, place.name] += count
            return dict(counts)

    def watch(self) -> None:
        """Start the thread that writes counts to Redis and reads the totals."""
        with self._lock:
            if self._thread is not None or self._ends:
                return
            self._thread = threading.Thread(target=self._run, name="legacy-uses", daemon=True)
            thread = self._thread
        atexit.register(self.end)
        with suppress(RuntimeError):  # the interpreter is about to end
            thread.start()

    def end(self) -> None:
        """Write the last counts within 5 s, and stop. Also runs when the process ends."""
        atexit.unregister(self.end)
        thread, self._ends = self._thread, True
        self._wake.set()
        if thread is not None and thread.is_alive():
            thread.join(_END_PATIENCE_S)

    def _run(self) -> None:
        idle_s = _REFRESH_S
        is_last = False
        while not is_last:
            self._wake.wait(_FLUSH_S)
            is_last = self._ends
            idle_s += _FLUSH_S
            if self._pending or idle_s >= _REFRESH_S:
                idle_s = 0.0
                self._flush()

    def _flush(self) -> None:
        with self._lock:
            self._sending, self._pending = self._pending, Counter()
        try:
            totals = self._exchange()
            with self._lock:
                self._totals, self._sending = totals, Counter()
            self._outage.end()
        except Exception as error:  # noqa: BLE001 - counting must not fail a caller
            # Without REDIS_URL there may be no Redis at all.
            level = logging.DEBUG if isinstance(error, InvalidSettings) else None
            self._outage.begin(error, level=level)
            with self._lock:
                self._pending, self._sending = self._pending + self._sending, Counter()

    def _exchange(self) -> Counter[tuple[str, str]]:
        """Add the counts in `_sending` to Redis. Returns the totals."""
        with _connect(self._settings or load_settings()) as redis, redis.pipeline() as pipeline:
            key = _key(redis)
            pipeline.hsetnx(key, SINCE_FIELD, round(time()))
            if self._sending:
                pipeline.eval(_ADD, 1, key, *_arguments(self._sending))
            pipeline.hgetall(key)
            return _totals(pipeline.execute()[-1])


def process_uses() -> LegacyUses:
    """Get the counter of this process's imports, created at first use."""
    global _process_uses  # noqa: PLW0603 - modules of `legacy/imports` have no composition root
    if _process_uses is None:
        _process_uses = LegacyUses()
    return _process_uses


_process_uses: LegacyUses | None = None


def read_uses(settings: Settings) -> list[RecordedUse]:
    """Read all uses from Redis, the most frequent first.

    Raises RedisError, or InvalidSettings without REDIS_URL.
    """
    settings.require("redis_url")
    with _connect(settings) as redis:
        return sorted(_uses(redis.hgetall(_key(redis))), key=lambda use: (-use.count, use.place))


def counted_since(settings: Settings) -> datetime | None:
    """Read when counting began; None if this Redis has no counts. Raises as `read_uses`."""
    settings.require("redis_url")
    with _connect(settings) as redis:
        values: dict[str, str] = redis.hgetall(_key(redis))
    begun = [use.first for use in _uses(values)]
    with suppress(KeyError, ValueError):
        begun.append(_instant(int(values[SINCE_FIELD])))
    return min(begun, default=None)


def forget_uses(settings: Settings) -> None:
    """Reset the counts. Raises as `read_uses`."""
    settings.require("redis_url")
    with _connect(settings) as redis, redis.pipeline() as pipeline:
        key = _key(redis)
        pipeline.delete(key)
        pipeline.hset(key, SINCE_FIELD, round(time()))
        pipeline.execute()


def _connect(settings: Settings) -> "Redis":
    from runtime.redis_clients import redis_client

    return redis_client(settings, timeout_s=_PATIENCE_S, retries=0, decode_responses=True)


def _key(redis: "Redis") -> str:
    from runtime.redis_cluster import tagged

    return tagged(redis, USES_KEY)


def _arguments(counts: Counter[UsePlace]) -> list[Any]:
    arguments: list[Any] = [MOST_PLACES, round(time())]
    for place, count in counts.items():
        arguments += [json.dumps(place), json.dumps(place.elsewhere), count]
    return arguments


def _totals(values: Any) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for use in _uses(values):
        totals[use.place.kind, use.place.name] += use.count
    return totals


def _uses(values: Any) -> Iterator[RecordedUse]:
    for field, value in values.items():
        # An unreadable field is skipped.
        with suppress(ValueError, TypeError):
            count, first, last = map(int, value.split())
            yield RecordedUse(UsePlace(*json.loads(field)), count, _instant(first), _instant(last))


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
