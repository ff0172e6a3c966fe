"""Writes the laps of an activity, of Strava or of a file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from db.statements.activities import activity_details
from db.statements.new_rows import values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LapRow:
    """The values of a row of `activity_laps` that its source tells."""

    start_offset_s: float
    elapsed_time_s: float
    moving_time_s: float | None = None
    distance_m: float | None = None
    average_heart_rate_bpm: float | None = None


def write_laps(
    connection: Connection, athlete_id: int, activity_id: int, laps: Sequence[LapRow]
) -> None:
    """Replace the laps of an activity; they are numbered in the order given."""
    of = {"athlete_id": athlete_id, "activity_id": activity_id}
    rows = [{**of, "lap_number": number, **asdict(lap)} for number, lap in enumerate(laps, start=1)]
    values = {"activity_ids": [activity_id], "rows": values_of(rows)}
    connection.execute(activity_details.set_laps(), values)
