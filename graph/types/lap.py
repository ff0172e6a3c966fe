"""Laps of activities."""

from db import models as m
from db.statements.activities import activity_details as statements
from db.statements.pace import per_mile
from graph.mapping.relation import Paged
from graph.mapping.row_type import column, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments


@row_type(m.ActivityLap, "A lap of an activity, as the device or Strava made it.")
class Lap:
    """A lap's row."""

    number: int = column(m.ActivityLap.lap_number, "Number of the lap. The first is 1.")
    start_offset_seconds: float = column(
        m.ActivityLap.start_offset_s, "Start, in seconds after the activity's start."
    )
    elapsed_time_seconds: float = column(
        m.ActivityLap.elapsed_time_s, "Elapsed time in seconds, including pauses."
    )
    moving_time_seconds: float | None = column(
        m.ActivityLap.moving_time_s, "Moving time in seconds, without pauses. Null if not told."
    )
    distance_meters: float | None = column(
        m.ActivityLap.distance_m, "Distance in meters. Null if not told."
    )
    average_heart_rate: float | None = column(
        m.ActivityLap.average_heart_rate_bpm,
        "Average heart rate in beats per minute. Null if not recorded.",
    )
    pace_seconds_per_kilometer: float | None = column(
        m.ActivityLap.pace_s_per_km,
        "Moving time divided by distance, in seconds per kilometer. Null if one is not told or 0.",
    )
    pace_seconds_per_mile: float | None = column(
        per_mile(m.ActivityLap.pace_s_per_km),
        "Moving time divided by distance, in seconds per mile. Null if one is not told or 0.",
    )


LAPS_OF_ACTIVITY = Paged("Lap", m.Activity.id, statements.LAPS_OF_ACTIVITY)


def read_laps(
    first: First = None, after: After = None, last: Last = None, before: Before = None
) -> PageArguments:
    """Read the arguments of a connection of laps."""
    return page_arguments(statements.IN_ORDER, first=first, after=after, last=last, before=before)
