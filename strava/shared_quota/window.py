"""Counts the requests of one of Strava's windows, never too few."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from strava.shared_quota.clock import Moment

QUARTER_HOUR_S, DAY_S = 900, 86_400
OVERALL, READ = 0, 1
KINDS = (OVERALL, READ)
_BACK_S = 3.0
"""Seconds by which the time may be before the window without its having been moved back: what one
machine knows of Strava's clock may differ by that from what another one does."""
_WRITTEN = 6

Counts = list[int]
"""Requests of the two kinds of limits: overall, and reads alone."""


def kinds_of(*, read: bool) -> tuple[int, ...]:
    """Which limits a request counts against."""
    return KINDS if read else (OVERALL,)


def _none() -> Counts:
    return [0, 0]


@dataclass(slots=True)
class CountedWindow:
    """The window of `length_s` seconds that is the `number`th since 1970, by Strava's clock.

    `sent` counts our requests, `above` how many more Strava may count. `carried` are requests that
    Strava may count in the next window. `kept` is how far PostgreSQL knows of what is used, `mark`
    how far it should. `told` is the most that the answers told to requests that overlap.
    """

    length_s: int
    number: int = 0
    sent: Counts = field(default_factory=_none)
    above: Counts = field(default_factory=_none)
    carried: Counts = field(default_factory=_none)
    mark: Counts = field(default_factory=_none)
    kept: Counts = field(default_factory=_none)
    told: Counts = field(default_factory=_none)

    @property
    def ends_at(self) -> int:
        """POSIX time at Strava."""
        return (self.number + 1) * self.length_s

    def used(self, kind: int) -> int:
        """Count the requests, at least as many as Strava does."""
        return self.sent[kind] + self.above[kind]

    def roll(self, now: Moment, under_way: Sequence[int]) -> bool:
        """Begin the window that is now; returns whether it is another one.

        Requests `under_way`, of either kind, may count in it. If the time went back, the window
        does too, with its counts. They count again when it comes, in case the time was right before.
        """
        number = int(now.earliest_s // self.length_s)
        if number > self.number:
            self.sent = [self.carried[kind] + under_way[kind] for kind in KINDS]
            self.above, self.carried = _none(), _none()
            self.mark, self.kept, self.told = _none(), _none(), _none()
        elif self.number * self.length_s - now.latest_s <= _BACK_S:
            return False
        else:
            answered = [self.used(kind) - under_way[kind] for kind in KINDS]
            self.carried = [max(self.carried[kind], answered[kind]) for kind in KINDS]
        self.number = number
        return True

    def use(self, *, read: bool) -> None:
        for kind in kinds_of(read=read):
            self.sent[kind] += 1

    def hear(self, kind: int, told: int, others: int, *, exactly: bool, forget: bool) -> None:
        """Take what an answer told of the window, while `others` requests were under way.

        `exactly`: no other request was, from when this one was made on, or the answers to all that
        were have told the same or less. `forget`: our own count is not to be trusted.
        """
        if forget:
            self.sent[kind] = 0
        self.told[kind] = max(self.told[kind], told)
        above = max(0, (self.told[kind] if exactly else told) + others - self.sent[kind])
        self.above[kind] = above if exactly or forget else max(self.above[kind], above)

    def carry(self, now: Moment, *, read: bool) -> None:
        """Note that an answer arrived now: Strava may have counted it in the next window."""
        if now.latest_s >= self.ends_at:
            for kind in kinds_of(read=read):
                self.carried[kind] += 1

    def raise_marks(self, ahead: int) -> bool:
        """Tell whether PostgreSQL must know of more before a request is made; raises the marks."""
        for kind in KINDS:
            if self.used(kind) > self.mark[kind]:
                self.mark[kind] = self.used(kind) + ahead
        return any(self.used(kind) > self.kept[kind] for kind in KINDS)

    def as_kept(self) -> "CountedWindow":
        """The window as PostgreSQL keeps it: all that is marked counts as used."""
        used = [max(self.used(kind), self.mark[kind]) for kind in KINDS]
        carried = list(self.carried)
        return CountedWindow(
            self.length_s, self.number, used, _none(), carried, list(used), list(used)
        )

    def merged(self, other: "CountedWindow", answers_more: int) -> "CountedWindow":
        """The newer of two; of the same one, the higher counts.

        `answers_more` is how many more answers this one's ledger has. Only an answer sets a window
        back, so the ledger with more of them knows which one it is.
        """
        if self.number != other.number:
            is_newer = answers_more or self.number - other.number
            return self if is_newer > 0 else other
        columns = [
            [max(mine[OVERALL], theirs[OVERALL]), max(mine[READ], theirs[READ])]
            for mine, theirs in zip(self.counts(), other.counts(), strict=True)
        ]
        return CountedWindow(self.length_s, self.number, *columns)

    def counts(self) -> tuple[Counts, ...]:
        """All counts but what was `told`, in the order of the fields."""
        return self.sent, self.above, self.carried, self.mark, self.kept

    def as_json(self) -> list[Any]:
        """Write it without `told`: older versions of the program read six values."""
        return [self.number, *self.counts()]

    @classmethod
    def from_json(cls, length_s: int, values: Sequence[Any]) -> Self:
        """Read it; what a later version wrote behind the six values is left out."""
        return cls(length_s, *values[:_WRITTEN])
