"""The period of the efforts that something is computed from."""

from datetime import date
from typing import Annotated

import strawberry

from db.statements.performance.fastest_effort import PERIOD_DAYS, EffortPeriod
from graph.mapping.relation import Arguments

PeriodFrom = Annotated[
    date | None,
    strawberry.argument(
        name="from",
        description=f"First local day to include. Default: {PERIOD_DAYS} days with the last one, "
        "which is `until`, today (UTC) at most.",
    ),
]
PeriodUntil = Annotated[
    date | None,
    strawberry.argument(description="Last local day to include. Default: all that follow."),
]


def read_period(from_: PeriodFrom = None, until: PeriodUntil = None) -> Arguments:
    """Read the arguments of a period. The shape is an EffortPeriod."""
    days = {"day_from": from_, "day_until": until}
    values = tuple((name, day) for name, day in days.items() if day is not None)
    return Arguments(EffortPeriod(from_ is not None, until is not None), values)
