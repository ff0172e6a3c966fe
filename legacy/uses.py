"""Counts of what old callers still use: imports, by the line that imports, and REST routes.

Noting a use is an addition in memory. A daemon thread writes the counts to Redis within a second, at the latest when
the process ends; where Redis is away they wait, and no caller notices. In Redis they are one hash of bounded size,
shared by all processes: what is used can be seen in one place, by `pacegraph legacy-uses` and in `/metrics`.
"""

import atexit
import concurrent.futures.thread  # noqa: F401 - redis needs it, and once a process ends it cannot be imported
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

from settings import InvalidSettings, Settings, load_settings

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["LegacyUses", "Use", "counted_since", "forget_uses", "process_uses", "read_uses"]

_KEY = "pacegraph:legacy:uses"
_SINCE = "since"
"""The field that says when the counting began. It stands with the counts, to be lost when they are."""
_PLACES = 2000
"""Places (import sites, routes) that are told apart; what comes beyond is counted under its name alone."""
_ELSEWHERE = "(elsewhere)"
_FLUSH_S = 1.0
_REFRESH_S = 10.0
"""Seconds after which totals are read again though this process has nothing to add."""
_PATIENCE_S = 0.25
_END_PATIENCE_S = 1.0
"""Seconds that the end of the process waits at most."""

# A use's value is "count first last", the instants as seconds since 1970.
_ADD = """
for i = 3, #ARGV, 3 do
  local field = ARGV[i]
  if redis.call('HEXISTS', KEYS[1], field) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then
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

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """What is used, and where: `kind` is import or route; `site` is `file:line` of an import, empty for a route."""

    kind: str
    name: str
    site: str

    @property
    def elsewhere(self) -> "Place":
        return Place(self.kind, self.name, _ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Use:
    """How often, since when and until when a place was used."""

    place: Place
    count: int
    first: datetime
    last: datetime


class LegacyUses:
    """What this process uses. Every method returns at once, from whatever thread, and raises nothing."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Use REDIS_URL of `settings`; None reads them when first needed. Nothing connects yet."""
        self._settings = settings
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start with nothing, also in a forked process: its parent counts its own."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._pending: Counter[Place] = Counter()
        self._sending: Counter[Place] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._ends = False
        self._is_away = False

    def note_import(self, name: str, site: str) -> None:
        """Count the use of an old name (`database.get_db`) at `site`, a `file:line`."""
        self._note(Place("import", name, site))

    def note_route(self, name: str) -> None:
        """Count a request of an old route. `name` is the route's, `GET /v1/activities/{id}`, not the request's path."""
        self._note(Place("route", name, ""))

    def _note(self, place: Place) -> None:
        with self._lock:
            if place not in self._pending and len(self._pending) >= _PLACES:
                place = place.elsewhere
            self._pending[place] += 1
        self.watch()

    def counts(self) -> dict[tuple[str, str], int]:
        """Uses by kind and name: those of all processes that Redis knew lately, and this process's since."""
        with self._lock:
            counts = self._totals.copy()
            for place, count in (self._pending + self._sending).items():
                counts[place.kind, place.name] += count
            return dict(counts)

    def watch(self) -> None:
        """Begin to write counts to Redis and to read the totals from there."""
        with self._lock:
            if self._thread is not None or self._ends:
                return
            self._thread = threading.Thread(target=self._run, name="legacy-uses", daemon=True)
            thread = self._thread
        atexit.register(self.end)
        with suppress(RuntimeError):  # the interpreter is about to end
            thread.start()

    def end(self) -> None:
        """Write what was noted, within a second, and no more. The end of the process does it, too."""
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
                self._totals, self._sending, self._is_away = totals, Counter(), False
        except Exception as error:  # noqa: BLE001 - whatever it is, counting is not worth a failure
            self._say_once(error)
            with self._lock:
                self._pending, self._sending = self._pending + self._sending, Counter()

    def _exchange(self) -> Counter[tuple[str, str]]:
        """Add what is being sent; returns the totals."""
        with _connect(self._settings or load_settings()) as redis, redis.pipeline() as pipeline:
            pipeline.hsetnx(_KEY, _SINCE, round(time()))
            if self._sending:
                pipeline.eval(_ADD, 1, _KEY, *_arguments(self._sending))
            pipeline.hgetall(_KEY)
            return _totals(pipeline.execute()[-1])

    def _say_once(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            level = (
                logging.DEBUG if isinstance(error, InvalidSettings) else logging.INFO
            )  # there may be no Redis at all
            _log.log(level, "uses of old names are not counted in Redis for now", extra={"error": type(error).__name__})


def process_uses() -> LegacyUses:
    """Give what this process counts its imports with; it is made on first use."""
    global _process_uses  # noqa: PLW0603 - one for all modules of `legacy/imports`, which nobody composes
    if _process_uses is None:
        _process_uses = LegacyUses()
    return _process_uses


_process_uses: LegacyUses | None = None


def read_uses(settings: Settings) -> list[Use]:
    """All uses that Redis knows, the most frequent first. Raises RedisError; InvalidSettings without REDIS_URL."""
    settings.require("redis_url")
    with _connect(settings) as redis:
        return sorted(_uses(redis.hgetall(_KEY)), key=lambda use: (-use.count, use.place))


def counted_since(settings: Settings) -> datetime | None:
    """When the counting began; None where no process has counted in this Redis. Raises as `read_uses`."""
    settings.require("redis_url")
    with _connect(settings) as redis:
        values: dict[str, str] = redis.hgetall(_KEY)
    begun = [use.first for use in _uses(values)]
    with suppress(KeyError, ValueError):
        begun.append(_instant(int(values[_SINCE])))
    return min(begun, default=None)


def forget_uses(settings: Settings) -> None:
    """Begin to count anew. Raises as `read_uses`."""
    settings.require("redis_url")
    with _connect(settings) as redis, redis.pipeline() as pipeline:
        pipeline.delete(_KEY)
        pipeline.hset(_KEY, _SINCE, round(time()))
        pipeline.execute()


def _connect(settings: Settings) -> "Redis":
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    if settings.redis_url is None:
        raise InvalidSettings("REDIS_URL: is not set")
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=_PATIENCE_S,
        socket_timeout=_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )


def _arguments(counts: Counter[Place]) -> list[Any]:
    arguments: list[Any] = [_PLACES, round(time())]
    for place, count in counts.items():
        arguments += [json.dumps(place), json.dumps(place.elsewhere), count]
    return arguments


def _totals(values: Any) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for use in _uses(values):
        totals[use.place.kind, use.place.name] += use.count
    return totals


def _uses(values: Any) -> Iterator[Use]:
    for field, value in values.items():
        # Whatever else stands there, the others are shown.
        with suppress(ValueError, TypeError):
            count, first, last = map(int, value.split())
            yield Use(Place(*json.loads(field)), count, _instant(first), _instant(last))


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
