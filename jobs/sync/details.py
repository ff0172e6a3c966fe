"""Writes what only Strava's detailed activity tells of one activity."""

import logging
from typing import Any

from sqlalchemy import Connection

from db.statements.activities import activity_details
from jobs.activity_laps import LapRow, write_laps
from jobs.sync.gear import write_gear
from jobs.sync.problems import REFUSED_DATA
from strava.activity_details import StravaDetails
from strava.payloads import StravaActivityDetail

logger = logging.getLogger(__name__)


def write_details_of(
    connection: Connection, athlete_id: int, job_id: int | None, activity: StravaActivityDetail
) -> int:
    """Write the details of an activity that was stored in the same transaction; returns its id.

    Those that the database refuses cost nothing else.
    """
    values = {"athlete": athlete_id, "strava_id": activity.strava_id}
    known = connection.execute(activity_details.by_strava_id(), values).one()
    try:
        with connection.begin_nested():
            write_details(connection, known, job_id, activity.details)
    except REFUSED_DATA:
        logger.exception("an activity's details cannot be stored", extra={"activity_id": known.id})
    activity_id: int = known.id
    return activity_id


def write_details(
    connection: Connection, activity: Any, job_id: int | None, details: StravaDetails
) -> bool:
    """Write details of an activity, a row with `id` and `updated_at`.

    Nothing is written if the activity was deleted or changed; returns whether it was not. Raises one
    of REFUSED_DATA where the database refuses them.
    """
    values = {
        "activity": activity.id,
        "seen_at": activity.updated_at,
        "new_description": details.description,
        "new_device_name": details.device_name,
        "new_calories": details.calories_kcal,
    }
    if details.gear is not None:
        write_gear(connection, activity.athlete_id, job_id, details.gear)
    written = connection.execute(activity_details.record(), values).one_or_none()
    if written is None:
        return False
    laps = [
        LapRow(
            start_offset_s=lap.start_offset_s,
            elapsed_time_s=lap.elapsed_time_s,
            moving_time_s=lap.moving_time_s,
            distance_m=lap.distance_m,
            average_heart_rate_bpm=lap.average_heart_rate_bpm,
        )
        for lap in details.laps
    ]
    if laps or written.has_laps:
        write_laps(connection, written.athlete_id, written.id, laps)
    return True
