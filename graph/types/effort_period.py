"""The period of the efforts that something is computed from."""

from datetime import date
from typing import Annotated

import strawberry

from db.statements.performance.fastest_effort import PERIOD_DAYS, EffortPeriod
from graph.mapping.relation import Arguments
from graph.types.days import day_values

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
    period = EffortPeriod(from_ is not None, until is not None)
    return Arguments(period, day_values(from_, until))
