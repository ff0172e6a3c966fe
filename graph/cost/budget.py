"""A caller's budget: what operations may cost together. `web` keeps it in Redis."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from time import time
from typing import Any, Protocol

from graph.errors import CallerError

_LONGEST_S = 10**9


@dataclass(slots=True)
class BudgetState:
    """A budget after a charge of `cost`: `remaining` of `limit` are left, and time adds `refill_per_s`.

    `retry_after_s` is when a refused operation may come again, 0 where nothing was refused. `as_of` is POSIX time.
    """

    limit: int
    remaining: int
    cost: int
    refill_per_s: float
    retry_after_s: float = 0.0
    as_of: float = field(default_factory=time)

    @property
    def full_in_s(self) -> float:
        """Seconds until it is full again, if nothing is spent until then."""
        return min((self.limit - self.remaining) / self.refill_per_s, _LONGEST_S)

    @property
    def reset_at(self) -> datetime:
        """When it is full again, if nothing is spent until then."""
        return datetime.fromtimestamp(self.as_of + self.full_in_s, UTC)


class BudgetExhausted(CallerError):  # noqa: N818 - the name says what is the case
    """The budget does not cover the operation; nothing was charged. A cost of 0 is one not known yet."""

    code = "RATE_LIMITED"

    def __init__(self, state: BudgetState) -> None:
        self.state = state
        of_operation = f" and the operation costs {state.cost}" if state.cost else ""
        super().__init__(
            f"Your budget has {state.remaining} of {state.limit} left{of_operation}. "
            f"Try again in {self.retry_after_s} s, or ask for less."
        )

    @property
    def extensions(self) -> dict[str, Any]:
        return {**super().extensions, "cost": self.state.cost, "retryAfterSeconds": self.retry_after_s}

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until the budget covers the operation; at least 1."""
        return max(1, ceil(min(self.state.retry_after_s, _LONGEST_S)))


class Budget(Protocol):
    """One caller's."""

    @property
    def operation_limit(self) -> int:
        """What one operation may cost."""

    @property
    def is_enforced(self) -> bool:
        """Whether what it does not cover is refused, or only reported (COST_MODE)."""

    async def charge(self, cost: int) -> BudgetState:
        """Take `cost`, which may be 0. Raises BudgetExhausted."""

    def refund(self, amount: int) -> BudgetState:
        """Give back what an operation was charged and did not use."""
