"""Splits of activities."""

from typing import Annotated

import strawberry

from athletics.split import SplitUnit
from db import models as m
from db.statements.activities import activity_split as statements
from db.statements.pace import per_mile
from graph.mapping.relation import Paged
from graph.mapping.row_type import column, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments


@row_type(m.ActivitySplit, "A part of an activity of one kilometer or mile, from its samples.")
class Split:
    """A split's row."""

    number: int = column(m.ActivitySplit.split_number, "Number of the split. The first is 1.")
    start_offset_seconds: float = column(
        m.ActivitySplit.start_offset_s, "Start, in seconds after the activity's start."
    )
    distance_meters: float = column(
        m.ActivitySplit.distance_m, "Distance in meters: the unit, or what is left at the end."
    )
    elapsed_time_seconds: float = column(
        m.ActivitySplit.elapsed_time_s, "Elapsed time in seconds, including pauses."
    )
    moving_time_seconds: float = column(
        m.ActivitySplit.moving_time_s, "Moving time in seconds, without pauses."
    )
    is_partial: bool = column(
        m.ActivitySplit.is_partial, "Whether it is shorter than the unit, as the last one may be."
    )
    pace_seconds_per_kilometer: float | None = column(
        m.ActivitySplit.pace_s_per_km,
        "Moving time divided by distance, in seconds per kilometer. Null without moving time.",
    )
    pace_seconds_per_mile: float | None = column(
        per_mile(m.ActivitySplit.pace_s_per_km),
        "Moving time divided by distance, in seconds per mile. Null without moving time.",
    )
    grade_adjusted_pace_seconds_per_kilometer: float | None = column(
        m.ActivitySplit.grade_adjusted_pace_s_per_km,
        "Pace on the level that would cost as much (Minetti 2002), in seconds per kilometer. Null "
        "without sound altitudes.",
    )
    grade_adjusted_pace_seconds_per_mile: float | None = column(
        per_mile(m.ActivitySplit.grade_adjusted_pace_s_per_km),
        "Pace on the level that would cost as much (Minetti 2002), in seconds per mile. Null "
        "without sound altitudes.",
    )
    elevation_change_meters: float | None = column(
        m.ActivitySplit.elevation_change_m,
        "How much higher the end is than the start, in meters. Null without sound altitudes.",
    )
    average_heart_rate: float | None = column(
        m.ActivitySplit.average_heart_rate_bpm,
        "Average heart rate in beats per minute. Null if not recorded.",
    )


SPLITS_OF_ACTIVITY = Paged("Split", m.Activity.id, statements.SPLITS_OF_ACTIVITY)


def read_splits(
    unit: Annotated[
        SplitUnit, strawberry.argument(description="Length of a split.")
    ] = SplitUnit.KILOMETER,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PageArguments:
    """Read the arguments of a connection of splits."""
    return page_arguments(
        statements.IN_ORDER, {"unit": unit}, first=first, after=after, last=last, before=before
    )
