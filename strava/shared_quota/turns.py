"""Shares the backfills' part of the quota between athletes: each in turn, a few requests at a time.

An athlete may be ahead of the one that had least by the length of a turn. The less is left of the
quota, the shorter the turns are, so that all have had the same when it ends.
"""

from dataclasses import dataclass, field
from typing import Any, Self

_MISSED_S = 120.0
"""Seconds for which others wait for an athlete's turn. Its job may be queued, or have ended."""
_FORGOTTEN_AFTER_S = 3600.0
"""Seconds after which an athlete who was expected and did not come has no turn."""
_MOST_BEHIND = 20
"""Requests that an athlete may catch up on."""


@dataclass(slots=True)
class _TurnTaker:
    """Has had `served` requests, and is expected from `back_at_s` on; `waits`: it was sent away.

    `missed_since_s` is since when others wait for it; None if none does.
    """

    served: int
    back_at_s: float
    waits: bool = False
    missed_since_s: float | None = None


@dataclass(slots=True)
class Turns:
    """The athletes whose backfills go on, by id as text. All times are Strava's, POSIX."""

    athletes: dict[str, _TurnTaker] = field(default_factory=dict)

    def is_up(self, athlete: str, now_s: float, room: int, longest: int) -> bool:
        """Tell whether it is the athlete's turn, with `room` requests left for backfills.

        If not, notes for whom it waits: not longer than `_MISSED_S`. `longest` is the
        length of a turn in requests, while enough is left.
        """
        self._forget(now_s)
        others = self._expected(now_s, without=athlete)
        if not others:
            return True
        # a tenth of the athlete's share of what is left, so that shares differ by no more
        turn = max(1, min(longest, room // (10 * (len(others) + 1))))
        before = [each for each in others if each.served <= self._served(athlete, others) - turn]
        for each in before:
            if each.missed_since_s is None and each.back_at_s <= now_s:
                each.missed_since_s = now_s
        return not before

    def grant(self, athlete: str, now_s: float) -> None:
        """Count one request of the athlete, who no longer waits and is not missed."""
        served = self._served(athlete, self._expected(now_s, without=athlete)) + 1
        self.athletes[athlete] = _TurnTaker(served, now_s)

    def send_away(self, athlete: str, now_s: float, back_at_s: float) -> int:
        """Expect the athlete back at `back_at_s`; returns how many waiting ones come before it."""
        served = self._served(athlete, self._expected(now_s, without=athlete))
        self.athletes[athlete] = _TurnTaker(served, back_at_s, waits=True)
        return sum(each.waits and each.served < served for each in self.athletes.values())

    def leave(self, athlete: str) -> None:
        """Expect the athlete no longer."""
        self.athletes.pop(athlete, None)

    def active(self, now_s: float) -> int:
        """Count the athletes that are expected."""
        return len(self._expected(now_s))

    def _expected(self, now_s: float, *, without: str | None = None) -> list[_TurnTaker]:
        """All but those for whom others waited in vain."""
        return [
            each
            for name, each in self.athletes.items()
            if name != without
            and (each.missed_since_s is None or now_s - each.missed_since_s < _MISSED_S)
        ]

    def _served(self, athlete: str, others: list[_TurnTaker]) -> int:
        """What the athlete has had. A new one joins those that had least.

        One that was away is at most `_MOST_BEHIND` behind them.
        """
        known = self.athletes.get(athlete)
        if not others:
            return known.served if known else 0
        least = min(each.served for each in others)
        return max(known.served, least - _MOST_BEHIND) if known else least

    def _forget(self, now_s: float) -> None:
        self.athletes = {
            name: each
            for name, each in self.athletes.items()
            if each.back_at_s + _FORGOTTEN_AFTER_S >= now_s
        }

    def as_json(self) -> dict[str, Any]:
        return {
            name: [each.served, each.back_at_s, each.waits, each.missed_since_s]
            for name, each in self.athletes.items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls({name: _TurnTaker(*each) for name, each in values.items()})
