"""Finds the time zone of an activity that a file recorded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from zoneinfo import ZoneInfo

import tzfpy

from recordings import RecordedActivity
from strava.time_zone import time_zone, zone_name


def zone_of(activity: RecordedActivity, neighbor_zone: str | None) -> str:
    """Tell the zone: that of the first position, offline, if there is one.

    Without positions, as on a treadmill, it is `neighbor_zone`, the zone of the athlete's activity
    nearest in time, unless the file's clock tells another offset: then that offset. Else UTC.
    """
    place = _first_position(activity)
    if place is not None and (found := zone_name(tzfpy.get_tz(place[1], place[0]))):
        return found
    if activity.utc_offset_s is None:
        return neighbor_zone or time_zone(None, None)
    offset = timedelta(seconds=activity.utc_offset_s)
    if neighbor_zone and offset_at(activity.started_at, neighbor_zone) == offset:
        return neighbor_zone
    return time_zone(None, offset)


def local_time(activity: RecordedActivity, zone: str) -> datetime:
    """Get the wall time at the start, without an offset.

    Without a position it is that of the file's clock, if it tells one.
    """
    if activity.utc_offset_s is not None and _first_position(activity) is None:
        offset = timedelta(seconds=activity.utc_offset_s)
        return (activity.started_at + offset).replace(tzinfo=None)
    return activity.started_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def offset_at(instant: datetime, zone: str) -> timedelta | None:
    """Get local time minus UTC in a zone."""
    return instant.astimezone(ZoneInfo(zone)).utcoffset()


def _first_position(activity: RecordedActivity) -> tuple[float, float] | None:
    latitudes, longitudes = activity.samples.latitude, activity.samples.longitude
    if latitudes is None or longitudes is None:
        return None
    return _first_known(latitudes, longitudes)


def _first_known(
    latitudes: Sequence[float], longitudes: Sequence[float]
) -> tuple[float, float] | None:
    pairs = zip(latitudes, longitudes, strict=True)
    return next((pair for pair in pairs if not isnan(pair[0]) and not isnan(pair[1])), None)
