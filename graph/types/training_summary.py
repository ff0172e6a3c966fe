"""Totals of an athlete's runs by period."""

from datetime import date
from typing import Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, Date, Double, Integer, literal_column
from sqlalchemy.types import TypeEngine

from db import models as m
from db.statements.page import AnySelect, Columns
from db.statements.performance.training_summary import training_summaries
from db.statements.visibility import Audience, Expression
from graph.mapping.relation import Arguments, Lookup
from graph.mapping.row_type import ROW_TYPES, RowType, column
from graph.types.days import FromDay, UntilDay, day_values
from graph.types.enums import SummaryPeriod


def _summed(label: str, type_: type[TypeEngine[Any]]) -> ColumnElement[Any]:
    return literal_column(label, type_)


@strawberry.type(
    description="Totals of an athlete's runs in one period. A run recorded twice counts once."
)
class TrainingSummary:
    """A row of `training_summaries`."""

    period_start: date = column(_summed("period_start", Date), "First local day of the period.")
    run_count: int = column(_summed("run_count", Integer), "Number of runs.")
    distance_meters: float = column(_summed("distance_meters", Double), "Total distance in meters.")
    moving_time_seconds: float = column(
        _summed("moving_time_seconds", Double), "Total moving time in seconds, without pauses."
    )
    elapsed_time_seconds: float = column(
        _summed("elapsed_time_seconds", Double), "Total elapsed time in seconds, including pauses."
    )
    elevation_gain_meters: float = column(
        _summed("elevation_gain_meters", Double), "Total elevation gain in meters."
    )
    longest_run_meters: float = column(
        _summed("longest_run_meters", Double), "Distance of the longest run, in meters."
    )


ROW_TYPES["TrainingSummary"] = RowType(TrainingSummary, m.Activity)


def _build(_: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
    period, has_from, has_until = shape
    return training_summaries(
        period.lower(), audience, has_from=has_from, has_until=has_until, of=of
    )


SUMMARIES_OF_ATHLETE = Lookup("TrainingSummary", m.Athlete.id, _build, many=True)


def read_summaries(
    period: Annotated[SummaryPeriod, strawberry.argument(description="Length of a period.")],
    from_: FromDay = None,
    until: UntilDay = None,
) -> Arguments:
    """Read the arguments of a training summary."""
    return Arguments((period, from_ is not None, until is not None), day_values(from_, until))
