"""What is left of the quota, for operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from strava.shared_quota.clock import Moment, Reading
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.steady_clock import steady_clock
from strava.shared_quota.window import KINDS, READ, CountedWindow

WINDOWS = ("quarter_hour", "day")
_UNSURE_S = 60.0


@dataclass(frozen=True, slots=True)
class QuotaState:
    """One limit: requests `used` of `limit` until `resets_at` (aware, UTC).

    `window` is one of WINDOWS. `reads`: of reads alone, else of all requests. Backfills leave
    `reserve` requests.
    """

    window: str
    reads: bool
    limit: int
    used: int
    reserve: int
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


def time_of(ledger: Ledger, clock_s: float) -> float:
    """Get the time at Strava, POSIX.

    A machine that has not asked Strava since it started does not know it; then it is `clock_s`,
    which another clock shows.
    """
    now = ledger.clock.now(Reading(*steady_clock(), clock_s))
    return now.earliest_s if now.latest_s - now.earliest_s < _UNSURE_S else clock_s


def quota_states(ledger: Ledger, rules: QuotaRules, now_s: float) -> Iterator[QuotaState]:
    """Yield the four limits at `now_s` (POSIX), of windows that may have begun since."""
    limits = ledger.in_force(rules)
    for number, (name, counted) in enumerate(zip(WINDOWS, ledger.windows, strict=True)):
        window = _at(counted, now_s)
        for kind in KINDS:
            limit = limits.of(number, kind)
            yield QuotaState(
                name,
                kind == READ,
                limit,
                window.used(kind),
                rules.reserve(limit),
                datetime.fromtimestamp(window.ends_at, UTC),
            )


def _at(window: CountedWindow, now_s: float) -> CountedWindow:
    copy = CountedWindow.from_json(window.length_s, window.as_json())
    copy.roll(Moment(now_s, now_s), [0, 0])
    return copy
