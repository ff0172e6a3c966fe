"""A caller's budget: what operations may cost together. `web` keeps it in Redis."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Protocol

from graph.errors import CallerError


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget after a charge. `reset_at` is when it will be full again, if nothing is spent until then."""

    limit: int
    remaining: int
    reset_at: datetime
    cost: int
    retry_after_s: float = 0.0


class BudgetExhausted(CallerError):  # noqa: N818 - the name says what is the case
    """The budget does not cover the operation; nothing was charged."""

    code = "RATE_LIMITED"

    def __init__(self, state: BudgetState) -> None:
        super().__init__(
            f"Your budget has {state.remaining} left and the operation costs {state.cost}. "
            f"Try again in {ceil(state.retry_after_s)} s."
        )
        self.state = state

    @property
    def extensions(self) -> dict[str, Any]:
        return {**super().extensions, "cost": self.state.cost, "retryAfterSeconds": self.retry_after_s}

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until the budget covers the operation."""
        return ceil(self.state.retry_after_s)


class Budget(Protocol):
    """One caller's."""

    @property
    def operation_limit(self) -> int:
        """What one operation may cost."""

    @property
    def is_enforced(self) -> bool:
        """Whether what it does not cover is refused, or only reported (COST_MODE)."""

    async def charge(self, cost: int) -> BudgetState:
        """Take `cost`. Raises BudgetExhausted."""

    def refund(self, amount: int) -> BudgetState:
        """Give back what an operation was charged and did not use."""

    async def require_some(self) -> None:
        """Check that anything is left. Raises BudgetExhausted."""
