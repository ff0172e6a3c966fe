"""A caller's budget for the cost of operations. `web` keeps it in Redis."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from time import time
from typing import Any, Protocol

from graph.errors import CallerError

_LONGEST_S = 10**9


@dataclass(slots=True)
class BudgetState:
    """A budget after a charge of `cost`: `remaining` of `limit` are left.

    `refill_per_s` points come back a second. `retry_after_s` is how long a refused operation has to
    wait, 0 if nothing was refused. `as_of` is POSIX time.
    """

    limit: int
    remaining: int
    cost: int
    refill_per_s: float
    retry_after_s: float = 0.0
    as_of: float = field(default_factory=time)

    @property
    def full_in_s(self) -> float:
        """Seconds until the budget is full again, if nothing is spent."""
        return min((self.limit - self.remaining) / self.refill_per_s, _LONGEST_S)

    @property
    def reset_at(self) -> datetime:
        """When the budget is full again, if nothing is spent."""
        return datetime.fromtimestamp(self.as_of + self.full_in_s, UTC)


class BudgetExhausted(CallerError):
    """The budget does not cover the operation, which was not charged. Cost 0: not known yet."""

    code = "RATE_LIMITED"

    def __init__(self, state: BudgetState) -> None:
        self.state = state
        of_operation = f" and the operation costs {state.cost}" if state.cost else ""
        super().__init__(
            f"Your budget has {state.remaining} of {state.limit} left{of_operation}. "
            f"Try again in {self.retry_after_s} s, or request less."
        )

    @property
    def extensions(self) -> dict[str, Any]:
        return {
            **super().extensions,
            "cost": self.state.cost,
            "retryAfterSeconds": self.retry_after_s,
        }

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until the budget covers the operation; at least 1."""
        return max(1, ceil(min(self.state.retry_after_s, _LONGEST_S)))


class DatabaseTimeExhausted(BudgetExhausted):
    """The caller's operations have used up their time in the database."""

    code = "DATABASE_TIME_EXHAUSTED"

    def __init__(self, retry_after_s: float, state: BudgetState) -> None:
        self._wait_s = retry_after_s
        super().__init__(state)
        self.message = (
            "Your operations have used up your time in the database. Try again in "
            f"{self.retry_after_s} s. Totals, filters, orders and ranks over many rows take most."
        )
        self.args = (self.message,)

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until there is time again; at least 1."""
        return max(1, ceil(min(self._wait_s, _LONGEST_S)))


class Budget(Protocol):
    """The budgets of one caller: of points, and of milliseconds in the database."""

    @property
    def operation_limit(self) -> int:
        """The highest cost of one operation."""

    @property
    def points_per_database_ms(self) -> float:
        """Points that a millisecond in the database costs."""

    @property
    def is_enforced(self) -> bool:
        """Whether an uncovered operation is refused, not only reported (COST_MODE)."""

    async def charge(self, cost: int) -> BudgetState:
        """Take `cost`, which may be 0. Raises BudgetExhausted, DatabaseTimeExhausted."""

    def refund(self, amount: int) -> BudgetState:
        """Refund a part of a charge. A negative amount is charged in addition, as a debt."""

    def spend_database_time(self, milliseconds: float) -> None:
        """Take time that was spent in the database, as a debt if it was more than there was."""
