"""What Strava allows, as its headers tell, and how far they are believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from strava.quota_headers import Quota, QuotaWindows


class Numbers(NamedTuple):
    """One number for each limit: 15 minutes and day, of all requests and of reads."""

    overall_quarter_hour: int
    overall_day: int
    read_quarter_hour: int
    read_day: int

    def of(self, window: int, kind: int) -> int:
        """`window` 0: the 15 minutes, 1: the day. `kind` as in `window.KINDS`."""
        return self[2 * kind + window]

    @classmethod
    def from_windows(cls, overall: QuotaWindows, read: QuotaWindows, what: str) -> Self:
        """Take "limit" or "used" of each."""
        return cls(
            *(
                getattr(allowance, what)
                for windows in (overall, read)
                for allowance in (windows.quarter_hour, windows.day)
            )
        )


@dataclass(frozen=True, slots=True)
class Told:
    """The headers of one answer."""

    limits: Numbers
    used: Numbers

    @classmethod
    def from_quota(cls, quota: Quota) -> Self:
        """Without headers of reads, the overall ones stand for them."""
        read = quota.read or quota.overall
        limits = Numbers.from_windows(quota.overall, read, "limit")
        used = Numbers.from_windows(quota.overall, read, "used")
        return cls(limits, used)

    @property
    def is_possible(self) -> bool:
        """Whether Strava can mean it: no window allows nothing, no day has less than its parts."""
        limits, used = self.limits, self.used
        return (
            min(limits) >= 1
            and min(used) >= 0
            and limits.overall_quarter_hour <= limits.overall_day
            and limits.read_quarter_hour <= limits.read_day
            and used.overall_quarter_hour <= used.overall_day
            and used.read_quarter_hour <= used.read_day
            and used.read_day <= used.overall_day
        )


@dataclass(slots=True)
class KnownLimits:
    """The limits that two answers in a row told, `confirmed`; `assumed` ones until then.

    What one answer told, `doubted`, binds where it is lower, until the 15 minutes `doubted_in` end:
    a single wrong header may neither allow more nor stop all for a day.
    """

    confirmed: Numbers | None = None
    doubted: Numbers | None = None
    doubted_in: int = 0

    def in_force(self, assumed: Numbers, quarter_hour: int) -> Numbers:
        limits = self.confirmed or assumed
        if self.doubted is None or self.doubted_in != quarter_hour:
            return limits
        return Numbers(*map(min, limits, self.doubted))

    def learn(self, told: Numbers, quarter_hour: int) -> None:
        if told == self.confirmed:
            self.doubted = None
        elif told == self.doubted:
            self.confirmed, self.doubted = told, None
        else:
            self.doubted, self.doubted_in = told, quarter_hour

    def as_json(self) -> list[Any]:
        confirmed = list(self.confirmed) if self.confirmed else None
        return [confirmed, list(self.doubted) if self.doubted else None, self.doubted_in]

    @classmethod
    def from_json(cls, values: Sequence[Any]) -> Self:
        confirmed, doubted, doubted_in = values
        return cls(
            Numbers(*confirmed) if confirmed else None,
            Numbers(*doubted) if doubted else None,
            doubted_in,
        )
