"""The days that lists and sums of one athlete are bounded by."""

from datetime import date
from typing import Annotated, Any

import strawberry

FromDay = Annotated[
    date | None,
    strawberry.argument(name="from", description="First local day to include. Default: no bound."),
]
UntilDay = Annotated[
    date | None,
    strawberry.argument(description="Last local day to include. Default: no bound."),
]


def day_values(from_: date | None, until: date | None) -> tuple[tuple[str, Any], ...]:
    """Make parameters of the bounds that there are: `day_from` and `day_until`."""
    days = {"day_from": from_, "day_until": until}
    return tuple((name, day) for name, day in days.items() if day is not None)
