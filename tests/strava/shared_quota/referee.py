"""Strava as it counts, and the ways in which what it tells can be wrong."""

from dataclasses import dataclass, field
from random import Random

from strava.quota_headers import Allowance, Quota, QuotaWindows
from strava.shared_quota.limits import Numbers, Told
from strava.shared_quota.question import QuotaAnswer

LENGTHS_S = (900, 86_400)
LIES = (
    "no headers",
    "no date",
    "less used",
    "more used",
    "higher limits",
    "lower limits",
    "date",
    "nonsense",
)


@dataclass
class Referee:
    """Counts what arrives in the windows of the true time, and notes what went beyond."""

    limits: Numbers
    number: list[int] = field(default_factory=lambda: [0, 0])
    used: list[list[int]] = field(default_factory=lambda: [[0, 0], [0, 0]])
    by_window: dict[int, list[int]] = field(default_factory=dict)
    beyond: list[tuple] = field(default_factory=list)

    def arrive(self, now_s: float, *, read: bool) -> bool:
        """Count a request; returns whether it is within the limits."""
        self._roll(now_s)
        within = True
        for window in (0, 1):
            for kind in (0, 1) if read else (0,):
                self.used[window][kind] += 1
                within &= self.used[window][kind] <= self.limits.of(window, kind)
        self.by_window.setdefault(self.number[0], [0, 0])[read] += 1
        if not within:
            self.beyond.append((now_s, [list(each) for each in self.used]))
        return within

    def left(self, now_s: float, *, kind: int, reserve) -> int:
        """Requests of a kind that backfills may make, below the reserve of each limit."""
        self._roll(now_s)
        limits = (self.limits.of(0, kind), self.limits.of(1, kind))
        return min(
            limit - reserve(limit) - used[kind]
            for limit, used in zip(limits, self.used, strict=True)
        )

    def _roll(self, now_s: float) -> None:
        for window, length_s in enumerate(LENGTHS_S):
            if (number := int(now_s // length_s)) != self.number[window]:
                self.number[window], self.used[window] = number, [0, 0]

    def told(self) -> Told:
        overall, read = (
            QuotaWindows(
                *(
                    Allowance(self.limits.of(window, kind), self.used[window][kind])
                    for window in (0, 1)
                )
            )
            for kind in (0, 1)
        )
        return Told.from_quota(Quota(overall, read, None))


def answer(
    referee: Referee, now_s: float, *, is_429: bool, lie: str | None, random: Random
) -> QuotaAnswer:
    """What an answer made now tells, true but for `lie`."""
    told, date_s = referee.told(), float(int(now_s))
    if lie == "no headers":
        told, date_s = None, None
    elif lie == "no date":
        date_s = None
    elif lie == "less used":
        told = Told(told.limits, Numbers(*(random.randrange(each + 1) for each in told.used)))
    elif lie == "more used":
        more = random.randrange(1, 30)
        told = Told(told.limits, Numbers(*(each + more for each in told.used)))
    elif lie == "higher limits":
        factor = random.uniform(1.5, 50)
        told = Told(Numbers(*(int(each * factor) + 1 for each in told.limits)), told.used)
    elif lie == "lower limits":
        told = Told(
            Numbers(*(random.randrange(1, each + 1) for each in sorted(told.limits))), told.used
        )
    elif lie == "date":
        date_s += random.choice((-1, 1)) * random.uniform(30, 7200)
    elif lie == "nonsense":
        told = Told(Numbers(0, 0, 0, 0), Numbers(-1, 7, 3, 1))
    return QuotaAnswer(date_s, told, is_429)
