"""The caller's budget."""

from datetime import datetime

import strawberry

from graph.cost.budget import BudgetState


@strawberry.type(
    description="The caller's budget. Operations spend it, and it refills over time. An "
    "object costs 1, a scalar 0, a mutation 10. A list costs as much as its "
    "entries; `first` or `last` sets their number, and of objects beyond 50 of an answer fifteen "
    "sixteenths are refunded. What asks the database costs at least 10, anything else 7 unless its "
    "answer is at hand. Totals, filters and mutations that keep the database busier than that cost "
    "their time in the database in addition."
)
class RateLimit:
    """The budget's state after the operation was charged."""

    limit: int = strawberry.field(description="Size of the full budget.")
    remaining: int = strawberry.field(description="Budget left after this operation.")
    reset_at: datetime = strawberry.field(
        description="Time the budget is full again if nothing more is spent."
    )
    cost: int = strawberry.field(description="Cost of this operation.")

    @classmethod
    def from_budget(cls, state: BudgetState) -> "RateLimit":
        return cls(
            limit=state.limit, remaining=state.remaining, reset_at=state.reset_at, cost=state.cost
        )
