"""Rows of activities, made from what Strava tells."""

from typing import Any

from athletics.sport import is_run
from db.models import StreamsState
from strava.errors import StravaBadData
from strava.payloads import StravaActivity

_MAX_INTEGER = 2**31 - 1
GEAR = "shoes_id"
"""Strava's id of the shoes, which `with_gear` replaces by the row's `gear_id`."""


def row_problem(activity: StravaActivity) -> StravaBadData | None:
    """Why the database would refuse the activity; None if it would not."""
    for name in ("moving_time_s", "elapsed_time_s"):
        if getattr(activity, name) > _MAX_INTEGER:
            return StravaBadData(name, "is too large", strava_id=activity.strava_id)
    return None


def activity_row(athlete_id: int, activity: StravaActivity) -> dict[str, Any]:
    """Make the values of the activity's row."""
    return {
        "athlete_id": athlete_id,
        "strava_id": activity.strava_id,
        "name": activity.name,
        "sport_type": activity.sport_type,
        "started_at": activity.started_at,
        "started_at_local": activity.started_at_local,
        "timezone": activity.timezone,
        "timezone_text": activity.timezone_text,
        "distance_m": activity.distance_m,
        "moving_time_s": activity.moving_time_s,
        "elapsed_time_s": activity.elapsed_time_s,
        "elevation_gain_m": activity.elevation_gain_m,
        "average_heart_rate_bpm": activity.average_heart_rate_bpm,
        "max_heart_rate_bpm": activity.max_heart_rate_bpm,
        "average_cadence_rpm": activity.average_cadence,
        "visibility": activity.visibility,
        "flagged": activity.flagged,
        "manual": activity.manual,
        "trainer": activity.trainer,
        "is_race": activity.is_race,
        GEAR: activity.shoes_id,
        "device_name": activity.device_name,
        "streams_state": _first_streams_state(activity),
    }


def _first_streams_state(activity: StravaActivity) -> StreamsState:
    if not is_run(activity.sport_type):
        return StreamsState.UNWANTED
    return StreamsState.ABSENT if activity.manual else StreamsState.PENDING
