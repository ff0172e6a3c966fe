"""Sums of an athlete's runs by period."""

from datetime import date
from typing import Annotated, Any

import strawberry
from sqlalchemy import ColumnElement, Date, Double, Integer, literal_column
from sqlalchemy.types import TypeEngine

from db import models as m
from db.statements.page import AnySelect, Columns
from db.statements.training_summary import training_summaries
from db.statements.visibility import Audience, Expression
from graph.relation import Arguments, Lookup
from graph.row_type import ROW_TYPES, RowType, column
from graph.types.enums import SummaryPeriod


def _summed(label: str, type_: type[TypeEngine[Any]]) -> ColumnElement[Any]:
    return literal_column(label, type_)


@strawberry.type(description="An athlete's runs of one period, summed up. A run recorded twice is counted once.")
class TrainingSummary:
    """A row of `training_summaries`."""

    period_start: date = column(_summed("period_start", Date), "First day of the period, at the athlete's place.")
    run_count: int = column(_summed("run_count", Integer), "How many runs.")
    distance_meters: float = column(_summed("distance_meters", Double), "Their distance together, in metres.")
    moving_time_seconds: int = column(_summed("moving_time_seconds", Integer), "Their time without pauses, in seconds.")
    elapsed_time_seconds: int = column(_summed("elapsed_time_seconds", Integer), "Their time with pauses, in seconds.")
    elevation_gain_meters: float = column(_summed("elevation_gain_meters", Double), "Metres climbed together.")
    longest_run_meters: float = column(_summed("longest_run_meters", Double), "The longest run, in metres.")


ROW_TYPES["TrainingSummary"] = RowType(TrainingSummary, m.Activity)


def _build(_: Columns, shape: Any, audience: Audience, of: Expression | None) -> AnySelect:
    period, has_from, has_until = shape
    return training_summaries(period.lower(), audience, has_from=has_from, has_until=has_until, of=of)


SUMMARIES_OF_ATHLETE = Lookup("TrainingSummary", m.Athlete.id, _build, many=True)


def read_summaries(
    period: Annotated[SummaryPeriod, strawberry.argument(description="By which span.")],
    from_: Annotated[
        date | None, strawberry.argument(name="from", description="Only runs from this day on, at the athlete's place.")
    ] = None,
    until: Annotated[
        date | None, strawberry.argument(description="Only runs until this day, which is included.")
    ] = None,
) -> Arguments:
    """Read the arguments of a training summary."""
    days = {"day_from": from_, "day_until": until}
    values = tuple((name, day) for name, day in days.items() if day is not None)
    return Arguments((period, from_ is not None, until is not None), values)
