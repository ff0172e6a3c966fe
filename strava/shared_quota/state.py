"""What is left of the quota, for operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from strava.shared_quota.clock import Moment
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.question import QuotaRules
from strava.shared_quota.window import KINDS, READ, CountedWindow

WINDOWS = ("quarter_hour", "day")


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
