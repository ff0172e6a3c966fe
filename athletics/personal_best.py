"""Personal bests of one athlete over one distance: efforts faster than all before them.

The reference for the SQL that the server runs: `db/statements/performance/personal_best.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DatedEffort:
    """An effort that may count; `achieved_at` is aware, `implied` as in `activity_effort`."""

    effort_id: int
    achieved_at: datetime
    elapsed_s: float
    implied: bool = False


@dataclass(frozen=True, slots=True)
class PersonalBest:
    """`previous` is what it improved on, by `improvement_s` (positive); both None for the first."""

    effort: DatedEffort
    previous: DatedEffort | None
    improvement_s: float | None


def counting(efforts: Iterable[DatedEffort]) -> list[DatedEffort]:
    """All measured efforts, and the implied ones that are faster than the slowest measured one.

    An implied effort counts so that no best contradicts a longer distance's; without a slower
    measured effort there is none to contradict. The order is kept.
    """
    candidates = list(efforts)
    slowest_s = max((effort.elapsed_s for effort in candidates if not effort.implied), default=0.0)
    return [effort for effort in candidates if not effort.implied or effort.elapsed_s < slowest_s]


def personal_bests(efforts: Iterable[DatedEffort]) -> list[PersonalBest]:
    """The improvements, earliest first, so that the last is the current personal best.

    Strictly faster than all before: an equal time is no improvement. Of efforts achieved at one
    instant the fastest comes first, then the lowest id.
    """
    bests: list[PersonalBest] = []
    for effort in sorted(
        counting(efforts), key=lambda each: (each.achieved_at, each.elapsed_s, each.effort_id)
    ):
        previous = bests[-1].effort if bests else None
        if previous is None:
            bests.append(PersonalBest(effort, None, None))
        elif effort.elapsed_s < previous.elapsed_s:
            bests.append(PersonalBest(effort, previous, previous.elapsed_s - effort.elapsed_s))
    return bests
