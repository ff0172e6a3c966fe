"""Strava's rate limits as values: what the headers of an answer say, and when the windows restart.

The limits belong to the application, not to the athlete. Every request counts against the overall
limits, a read (GET) against the read limits as well. Windows restart at :00, :15, :30 and :45, the
day at 00:00 UTC. Source: https://developers.strava.com/docs/rate-limits/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_QUARTER_HOUR_S = 15 * 60
_MOST = 10**12
"""Beyond any limit, and small enough to be stored and added up."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Requests of one window: allowed and used. Strava counts on beyond the limit."""

    limit: int
    used: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class QuotaWindows:
    """The two windows of one kind of request."""

    quarter_hour: Allowance
    day: Allowance

    @classmethod
    def from_headers(cls, limit: str, usage: str) -> Self:
        """Read two headers, each "15-minute,daily". Raises ValueError for anything else."""
        quarter_limit, day_limit = map(_number, limit.split(","))
        quarter_used, day_used = map(_number, usage.split(","))
        return cls(Allowance(quarter_limit, quarter_used), Allowance(day_limit, day_used))


@dataclass(frozen=True, slots=True)
class Quota:
    """The limits at `observed_at` (aware UTC); `read` is None if the answer had no such headers."""

    overall: QuotaWindows
    read: QuotaWindows | None
    observed_at: datetime

    def remaining(self, *, read: bool) -> int:
        """Requests left in the tightest window that a request (`read`: a GET) counts against."""
        return min(
            allowance.remaining
            for budget in self._budgets(read)
            for allowance in (budget.quarter_hour, budget.day)
        )

    def retry_at(self, *, read: bool) -> datetime | None:
        """When the windows that are used up restart; None while requests are left."""
        budgets = self._budgets(read)
        if any(not budget.day.remaining for budget in budgets):
            return next_day(self.observed_at)
        if any(not budget.quarter_hour.remaining for budget in budgets):
            return next_quarter_hour(self.observed_at)
        return None

    def _budgets(self, read: bool) -> tuple[QuotaWindows, ...]:  # noqa: FBT001 - private, named by its callers
        return (self.overall, self.read) if read and self.read else (self.overall,)


def quota_from_headers(headers: Mapping[str, str], observed_at: datetime) -> Quota | None:
    """Read the four rate-limit headers. None if they are absent or unreadable.

    `headers` must ignore case.
    """
    overall = _budget(headers, "X-RateLimit")
    return Quota(overall, _budget(headers, "X-ReadRateLimit"), observed_at) if overall else None


def _budget(headers: Mapping[str, str], prefix: str) -> QuotaWindows | None:
    try:
        return QuotaWindows.from_headers(headers[f"{prefix}-Limit"], headers[f"{prefix}-Usage"])
    except (KeyError, ValueError):
        return None


def _number(text: str) -> int:
    """Read a number of requests. Raises ValueError, also for one beyond all measure."""
    number = int(text)
    if abs(number) > _MOST:
        raise ValueError(f"no number of requests: {number}")
    return number


def next_quarter_hour(now: datetime) -> datetime:
    """Restart of the 15-minute window that `now` (aware) is in; UTC, always later than `now`."""
    day = _day_of(now)
    quarters = int((now - day).total_seconds()) // _QUARTER_HOUR_S
    return day + timedelta(seconds=(quarters + 1) * _QUARTER_HOUR_S)


def next_day(now: datetime) -> datetime:
    """Midnight UTC after `now` (aware)."""
    return _day_of(now) + timedelta(days=1)


def _day_of(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
