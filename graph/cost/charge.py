"""Charges: the cost of an operation is taken before it runs, and the unused part refunded."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil
from typing import Any

import orjson

from graph.cost.budget import Budget, BudgetState
from graph.cost.model import Path, TooExpensive
from graph.cost.prices import FULL_PRICE_OBJECTS, FURTHER_OBJECTS_PER_POINT, MUTATION
from graph.scalars import format_instant
from runtime.work_meter import WorkMeter

BYTES_PER_POINT = 8 * 1024
"""Bytes per point of cost, for reading a request apart from its document. Less is free."""
_FREE_MS = 0.1
"""Milliseconds in the database that every operation takes, whatever it looks at."""
_NOISE_MS = 5.0
"""The same where the rows returned are the rows looked at, and it is not known how much of the time
was CPU: more is only counted beyond noise. The same where the operator switched plans off.
"""
_LONG_WAY_MS = 0.3
"""Milliseconds of CPU that an operation takes here, however little it asks for and whether it runs or
not, unless its answer is at hand. Its first objects pay for that.
"""
_ASKING_MS = 0.4
"""The same of one that asks PostgreSQL, there too."""
_TRANSACTION_MS = 3.0
"""Milliseconds of CPU that a statement or transaction beside a plan takes in the API."""
_UNPACKING_MS_PER_MIB = 2.0
"""Milliseconds of CPU that unpacking a MiB of an original takes, and handing it over in parts."""
PART_MS = 0.3
"""Milliseconds of CPU that each part of an answer after the first takes here, with its statement."""
UNPLANNED_MS = 1.5
"""Milliseconds of CPU that graphql-core takes for an operation that asks PostgreSQL nothing."""
UNPLANNED_OBJECT_MS = 0.025
"""Milliseconds of CPU that graphql-core takes for an object of an answer."""

logger = logging.getLogger(__name__)


class Charge:
    """One operation's charge. `requested` is what its objects may cost, `actual` what they did cost.

    `actual` is None while the operation runs. `searches` tells that it may look at more rows than
    it returns (`graph/cost/search.py`). `reading` was charged for reading its document.
    `goes_long_way`: its answer is not at hand.
    """

    def __init__(
        self,
        budget: Budget,
        requested: int,
        state: BudgetState,
        actual: int | None = None,
        *,
        searches: bool = False,
        reading: int = 0,
        goes_long_way: bool = False,
    ) -> None:
        self._budget, self.requested, self.state, self.actual = budget, requested, state, actual
        self._searches, self._reading, self._beyond = searches, reading, 0
        self._work_ms, self._own_ms, self._knows_cpu = 0.0, 0.0, False
        self._without_plans = self._has_asked = self._is_event = False
        self._goes_long_way = goes_long_way
        self.has_begun = False
        """Whether the beginning of a subscription was counted: its first event may be repeated."""

    @property
    def work(self) -> int:
        """Points that were charged beside `actual`: for reading, and for time beyond it."""
        return self._reading + self._beyond

    def spend_database_time(self, work: WorkMeter, *, without_plans: bool = False) -> None:
        """Take the time in the database that `work` gathered from the caller's.

        It counts for `settle` as far as it was CPU, where that is known, and so does what was
        taken here. `without_plans`: the operator switched plans off. What small operations take
        more for that is not the caller's.
        """
        self._without_plans = without_plans
        spent_ms, idle_ms = work.take(), work.take_idle()
        own_ms = work.take_own() + _TRANSACTION_MS * work.take_transactions()
        self._knows_cpu = self._knows_cpu or work.knows_cpu
        self._has_asked = self._has_asked or work.has_asked
        self._work_ms += max(0.0, spent_ms - idle_ms)
        if not without_plans:
            self._own_ms += own_ms
        if spent_ms:
            self._budget.spend_database_time(spent_ms)

    def settle(self, objects: int) -> None:
        """Charge what the operation did cost: its objects, and its time as far as it is more.

        The unused part of `requested` is refunded; time beyond the objects is taken in addition. If
        the budget did not cover the charge (COST_MODE=report), nothing was taken or is refunded.
        Calling it again takes or refunds only the further difference.
        """
        taken = self.requested if self.actual is None else self.actual + self._beyond
        self.actual = min(objects, self.requested)
        self._beyond = max(0, self._points_of_time() - self.actual)
        unused = taken - self.actual - self._beyond
        if unused and not self.state.retry_after_s:
            self.state = self._budget.refund(unused)

    def waive_base(self) -> None:
        """Take nothing for what the operation takes by itself: its failure was not the caller's."""
        self._goes_long_way = self._has_asked = False

    def _points_of_time(self) -> int:
        is_exact = (self._searches or self._knows_cpu) and not self._without_plans
        free_ms = _FREE_MS if is_exact else _NOISE_MS
        counted_ms = self._base_ms + max(0.0, self._work_ms - free_ms) + self._own_ms
        return int(counted_ms * self._budget.points_per_database_ms)

    @property
    def _base_ms(self) -> float:
        if self._is_event:
            return 0.0
        if self._has_asked:
            return _ASKING_MS
        return _LONG_WAY_MS if self._goes_long_way else 0.0

    async def repeat(self, budget: Budget) -> None:
        """Charge the same to `budget`, for one more event of a subscription.

        It begins nothing, and its statements are shared with other subscribers to the same.

        Raises BudgetExhausted.
        """
        self._budget, self.actual, self._is_event = budget, 0, True
        self._work_ms = self._own_ms = 0.0
        self._reading = self._beyond = 0
        self.state = await budget.charge(self.requested)
        self.actual = None  # known once the event is there; nothing was taken for a refused one

    def report(self) -> dict[str, Any]:
        """Make `extensions.cost`."""
        report: dict[str, Any] = orjson.loads(self.report_json())
        return report

    def report_json(self) -> bytes:
        """Make `extensions.cost` as JSON."""
        actual = self.requested if self.actual is None else self.actual
        return report_json(self.requested, actual, self.state, self.work)


def report_json(requested: int, actual: int, state: BudgetState, work: int = 0) -> bytes:
    """Make `extensions.cost` as JSON; `work` are the points charged beside `actual`."""
    return b'{"requested":%d,"actual":%d,"work":%d,"limit":%d,"remaining":%d,"resetAt":"%b"}' % (
        requested, actual, work, state.limit, state.remaining, _second(ceil(state.as_of + state.full_in_s)),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _second(posix_s: int) -> bytes:
    return format_instant(datetime.fromtimestamp(posix_s, UTC)).encode()


def refusal_cost(budget: Budget) -> int:
    """Compute what a request costs that is read and does not run: it is refused, or a dry run."""
    return _points(_LONG_WAY_MS, budget)


def read_cost(budget: Budget) -> int:
    """Compute what a request costs that reads a row and is no operation."""
    return _points(_ASKING_MS, budget)


def unpacking_cost(budget: Budget, size: int) -> int:
    """Compute what it costs that `size` bytes of a kept file are unpacked. Small ones are free."""
    return int(_UNPACKING_MS_PER_MIB * size / 2**20 * budget.points_per_database_ms)


def _points(cpu_ms: float, budget: Budget) -> int:
    """Compute the points of a request whose CPU is known, at least one."""
    return max(1, int(cpu_ms * budget.points_per_database_ms))


def check_limit(
    budget: Budget, cost: int, path: Path, coordinate: Callable[[], str | None]
) -> None:
    """Refuse an operation above the limit, with its most expensive part. Raises TooExpensive."""
    if cost > budget.operation_limit:
        error = TooExpensive(cost, budget.operation_limit, path, coordinate())
        if budget.is_enforced:
            raise error
        logger.warning("an operation would be refused: %s", error)


def actual_cost(
    requested: int, objects: int, mutations: int = 0, *, asks_about_schema: bool
) -> int:
    """Compute what an operation cost from the objects in its answer.

    It is at least 1 if anything was requested, and no more than that: a list that is longer than
    was assumed costs its time. The first objects cost a point each, further ones a part of it.
    Introspection costs the same whatever it returns.
    """
    if asks_about_schema:
        return requested
    if objects > FULL_PRICE_OBJECTS:
        further = objects - FULL_PRICE_OBJECTS
        objects = FULL_PRICE_OBJECTS + ceil(further / FURTHER_OBJECTS_PER_POINT)
    return min(max(objects + MUTATION * mutations, 1), requested)
