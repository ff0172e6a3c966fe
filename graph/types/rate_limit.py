"""The caller's budget."""

from datetime import datetime

import strawberry

from graph.budget import BudgetState


@strawberry.type(
    description="The caller's budget, which operations spend and time fills. An object costs 1, a scalar nothing, a "
    "mutation 10, a list its entries; `first` and `last` say how many."
)
class RateLimit:
    """Made of the state after the operation was charged."""

    limit: int = strawberry.field(description="What the budget holds when full.")
    remaining: int = strawberry.field(description="What is left, after this operation.")
    reset_at: datetime = strawberry.field(description="When it is full again, if nothing is spent until then.")
    cost: int = strawberry.field(description="What this operation costs.")

    @classmethod
    def of(cls, state: BudgetState) -> "RateLimit":
        return cls(limit=state.limit, remaining=state.remaining, reset_at=state.reset_at, cost=state.cost)
