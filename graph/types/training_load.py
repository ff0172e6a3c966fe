"""Training load of athletes by day."""

from datetime import date
from typing import Annotated, Any

import strawberry
from sqlalchemy import Date, Double, Integer, literal_column

from db import models as m
from db.statements.page import AnySelect, Columns, of_rows
from db.statements.performance.training_load import load_days
from db.statements.visibility import Audience, Expression
from graph.errors import OutOfRange
from graph.mapping.relation import Arguments, Lookup
from graph.mapping.row_type import ROW_TYPES, RowType, column

DEFAULT_DAYS, MOST_DAYS = 90, 366


@strawberry.type(
    description="One day's training load, and what follows from all days until then. Load is "
    "Banister's TRIMP (1991): minutes weighted by the share of the heart rate reserve. Fitness and "
    "fatigue are its averages with weights that fall exponentially, over 42 and 7 days. A run "
    "recorded twice counts once."
)
class TrainingLoadDay:
    """A row of `load_days`."""

    day: date = column(literal_column("day", Date), "Local day.")
    load: float = column(
        literal_column("load", Double),
        "TRIMP of the day's runs, without those in `runsWithoutHeartRate`. 0 on days without runs.",
    )
    fitness: float = column(
        literal_column("fitness", Double), "Average load over 42 days, after the day's runs."
    )
    fatigue: float = column(
        literal_column("fatigue", Double), "Average load over 7 days, after the day's runs."
    )
    form: float = column(
        literal_column("form", Double),
        "Fitness less fatigue before the day's runs, that is of the evening before.",
    )
    run_count: int = column(literal_column("run_count", Integer), "Number of runs on the day.")
    runs_without_heart_rate: int = column(
        literal_column("runs_without_heart_rate", Integer),
        "How many of them have no heart rate: their load is not known, and not in `load`.",
    )


ROW_TYPES["TrainingLoadDay"] = RowType(TrainingLoadDay, m.Activity)


def _build(columns: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
    return of_rows(columns, load_days(audience, has_until=bool(shape), of=of))


LOAD_OF_ATHLETE = Lookup("TrainingLoadDay", m.Athlete.id, _build, many=True)


def read_load(
    days: Annotated[
        int, strawberry.argument(description=f"Number of days, at most {MOST_DAYS}.")
    ] = DEFAULT_DAYS,
    until: Annotated[
        date | None, strawberry.argument(description="Last local day. Default: today, UTC.")
    ] = None,
) -> Arguments:
    """Read the arguments of training load. Raises OutOfRange."""
    if not 1 <= days <= MOST_DAYS:
        raise OutOfRange("days", 1, MOST_DAYS)
    given = () if until is None else (("until", until),)
    return Arguments(until is not None, (("days", days), *given))
