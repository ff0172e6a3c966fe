"""Where the ledger is: in Redis, with a copy in PostgreSQL in which no request is missing.

Redis changes it by comparing and setting, so that all workers share one. A worker goes by what it
wrote itself a moment ago, and reads Redis only where another one has written since. Before a
request that PostgreSQL does not know of yet, the copy is written, with a few requests in advance. So
a Redis that is lost, emptied, restarted from an older file or replaced by a replica loses no
request: the copy takes its place, and its number (`generation`) keeps older ones from being written
back. While Redis is away, the copy itself is the ledger, under the lock of its row.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from redis import Redis, RedisError

from db.session import SyncDatabase
from db.statements.strava import strava_quota
from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage
from strava.shared_quota.clock import Reading
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.question import AnsweredCall, Granted, QuotaAsk, Refused
from strava.shared_quota.rules import QuotaRules

_TRIES = 200
_LONGEST_PAUSE_S = 0.005
_KEPT_S = 3 * 86_400
_REMEMBERED_S = 1.0
"""Seconds for which Redis's clock is taken to have run as the machine's, without a look at it."""
# Returns whether the value was set, the value now, seconds and microseconds, and the server's run.
# The value is set if it is ARGV[1], the run ARGV[4], and ARGV[2] is not empty; no value is ''. What
# was set is not sent back.
_SCRIPT = """
local value = redis.call('GET', KEYS[1]) or ''
local time = redis.call('TIME')
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
if ARGV[2] == '' or value ~= ARGV[1] or run ~= ARGV[4] then
  return {0, value, time[1], time[2], run}
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return {1, '', time[1], time[2], run}
"""

Result = TypeVar("Result")
Step = Callable[[Ledger, Reading], Result]
Steady = Callable[[], tuple[str, float]]
"""Gives the machine's name and its clock that never jumps."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared value ('' for none), the POSIX time there, and a name of its life."""

    value: str
    time_s: float
    life: str


class SharedValue(Protocol):
    """A text that all workers share, and may lose. Methods raise RedisError."""

    def read(self) -> Shared:
        """Read the value."""

    def replace(self, old: Shared, new: str) -> tuple[bool, Shared]:
        """Set the value if value and life are still as in `old`; returns also what is there now."""


class KeptCopy(Protocol):
    """A text that is never lost, with its generation."""

    def take_over(self) -> tuple[int, str | None, float]:
        """Begin a new generation; returns it, the text or None, and the POSIX time there."""

    def change(self, generation: int, change: Callable[[str | None], str]) -> bool:
        """Change the text in one transaction; False if another generation has begun."""


class RedisValue:
    """A SharedValue in one key, so that a cluster has it in one place."""

    def __init__(self, redis: Redis, application: str) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._keys = [tagged(redis, quota_key(application))]

    def read(self) -> Shared:
        return self._run("", "", "")[1]

    def replace(self, old: Shared, new: str) -> tuple[bool, Shared]:
        return self._run(old.value, new, old.life)

    def _run(self, old: str, new: str, life: str) -> tuple[bool, Shared]:
        is_set, value, seconds, microseconds, run = self._script(
            self._keys, [old, new, _KEPT_S, life]
        )
        time_s = int(seconds) + int(microseconds) / 1e6
        return bool(is_set), Shared(new if is_set else value.decode(), time_s, run.decode())


class DatabaseCopy:
    """A KeptCopy in a row of PostgreSQL. All methods raise DatabaseError."""

    def __init__(self, database: SyncDatabase, application: str) -> None:
        self._database = database
        self._values = {"of_application": application}

    def take_over(self) -> tuple[int, str | None, float]:
        with self._database.write() as connection:
            row = connection.execute(strava_quota.take_over(), self._values).one()
        return row.generation, row.ledger, row.clock_s

    def change(self, generation: int, change: Callable[[str | None], str]) -> bool:
        with self._database.write() as connection:
            values = self._values | {"of_generation": generation}
            row = connection.execute(strava_quota.lock(), values).one_or_none()
            if row is None:
                return False
            text = {"new_ledger": change(row.ledger)}
            connection.execute(strava_quota.write(), self._values | text)
        return True


def quota_key(application: str) -> str:
    """Name the key in Redis of the application with this client id."""
    return f"pacegraph:{{strava-quota:{application}}}"


class SharedLedger:
    """The ledger as one worker uses it. Methods raise what the copy raises."""

    def __init__(
        self,
        shared: SharedValue,
        copy: KeptCopy,
        rules: QuotaRules,
        steady: Steady,
        *,
        retry_redis_s: float = 5.0,
    ) -> None:
        """Try a Redis that failed again after `retry_redis_s` seconds."""
        self._shared = shared
        self._copy = copy
        self._rules = rules
        self._steady = steady
        self._known: Ledger | None = None
        self._last: tuple[float, Shared] | None = None
        self._written: tuple[str, Ledger] | None = None
        """What this worker wrote last, as text and as it was before that."""
        self._outage = RedisOutage(
            logger,
            "Strava's quota is counted in PostgreSQL, because Redis is away",
            retry_s=retry_redis_s,
        )

    def reserve(
        self, ask: QuotaAsk, answered: AnsweredCall | None = None
    ) -> tuple[Granted | Refused, Ledger]:
        """Ask for a request; returns the decision and the ledger after it.

        `answered` is an earlier request, which is settled first, by the same change.
        """
        settled = answered

        def step(ledger: Ledger, now: Reading) -> Granted | Refused:
            if settled is not None:
                self._settle(ledger, now, settled)
            return ledger.reserve(ask, now, self._rules)

        for _ in range(_TRIES):
            changed = self._change_shared(step)
            if changed is None:
                return self._change_copy(step)
            settled = None
            decision, ledger = changed
            if isinstance(decision, Refused) and ask.athlete is not None:
                self._keep(ledger)  # so that a lost Redis does not forget that the athlete waits
            if not isinstance(decision, Granted) or not decision.must_keep:
                return decision, ledger
            if self._keep(ledger):
                return decision, ledger
            self._replace_outdated(ledger)
        raise RuntimeError("the ledger of Strava's quota cannot be kept")

    def settle(self, answered: AnsweredCall) -> Ledger:
        """Take the answer to a request that was granted."""

        def step(ledger: Ledger, now: Reading) -> None:
            self._settle(ledger, now, answered)

        _, ledger = self._change_shared(step) or self._change_copy(step)
        return ledger

    def _settle(self, ledger: Ledger, now: Reading, answered: AnsweredCall) -> None:
        ledger.settle(answered.call, now, answered.answer, self._rules)
        if self._known is not None and self._known.generation == ledger.generation:
            ledger.kept(self._known)

    def leave(self, athlete: str) -> None:
        """Expect the athlete's backfill no longer. Without Redis, that is found out by time."""
        self._change_shared(lambda ledger, _: ledger.leave(athlete))

    # --- in Redis

    def _change_shared(self, step: Step[Result]) -> tuple[Result, Ledger] | None:
        """Change the ledger in Redis; None if Redis is away."""
        if self._outage.is_away:
            return None
        try:
            found = self._remembered() or self._shared.read()
            for number in range(_TRIES):
                machine, steady_s = self._steady()
                reading = Reading(machine, steady_s, found.time_s)
                ledger = self._ledger_in(found) or self._revived(found.life, reading)
                result = step(ledger, reading)
                is_set, found = self._shared.replace(found, self._text_of(ledger))
                self._last = self._steady()[1], found  # after the call, so it is not ahead
                if is_set:
                    self._written = found.value, ledger
                    self._outage.end()
                    return result, ledger
                if number:  # what the first try met is as fresh as what is read
                    time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - spreads the tries
                    found = self._shared.read()
        except RedisError as error:
            self._last = None
            self._outage.begin(error)
        return None

    def _remembered(self) -> Shared | None:
        """What is in Redis, if no other worker has written since; None where that is long ago."""
        if self._last is None:
            return None
        then_s, shared = self._last
        passed_s = self._steady()[1] - then_s
        if not shared.value or not 0 <= passed_s < _REMEMBERED_S:
            return None
        return replace(shared, time_s=shared.time_s + passed_s)

    def _ledger_in(self, shared: Shared) -> Ledger | None:
        """Read the ledger, if it is one and of this life of Redis."""
        if not shared.value:
            return None
        written, self._written = self._written, None  # a step changes it, set or not
        try:
            is_own = written is not None and written[0] == shared.value
            ledger = written[1] if written and is_own else Ledger.from_text(shared.value)
        except ValueError:
            logger.warning("Strava's quota in Redis cannot be read")
            return None
        return ledger if ledger.life == shared.life else None

    def _text_of(self, ledger: Ledger) -> str:
        return ledger.to_text()

    def _revived(self, life: str, reading: Reading) -> Ledger:
        """Make a ledger from the copy, for a Redis that has none of this life."""
        generation, text, _ = self._copy.take_over()
        ledger = Ledger.from_text(text) if text else Ledger()
        ledger.generation, ledger.life = generation, life
        if text:
            logger.warning("Redis has lost Strava's quota; PostgreSQL's copy takes its place")
            ledger.revive(reading, self._rules)
        return ledger

    def _replace_outdated(self, outdated: Ledger) -> None:
        """Replace a ledger in Redis whose generation has ended."""
        try:
            shared = self._shared.read()
            found = self._ledger_in(shared)
            if found is None or found.generation <= outdated.generation:
                reading = Reading(*self._steady(), shared.time_s)
                self._shared.replace(shared, self._text_of(self._revived(shared.life, reading)))
        except RedisError as error:
            self._outage.begin(error)

    def _keep(self, ledger: Ledger) -> bool:
        """Write the copy; False if its generation has ended."""
        kept = ledger.as_kept()

        def merge(text: str | None) -> str:
            return (kept.merged(text) if text else kept).to_text()

        is_kept = self._copy.change(ledger.generation, merge)
        self._known = kept if is_kept else None
        return is_kept

    # --- in PostgreSQL, while Redis is away

    def _change_copy(self, step: Step[Result]) -> tuple[Result, Ledger]:
        for _ in range(_TRIES):
            generation, _, clock_s = self._copy.take_over()
            reading = Reading(*self._steady(), clock_s)
            done: list[tuple[Result, Ledger]] = []

            def change(text: str | None) -> str:
                ledger = Ledger.from_text(text) if text else Ledger()
                ledger.generation = generation  # noqa: B023 - used in this turn only
                done.append((step(ledger, reading), ledger))  # noqa: B023
                return ledger.to_text()

            if self._copy.change(generation, change):
                return done[-1]
        raise RuntimeError("the ledger of Strava's quota changes all the time")
