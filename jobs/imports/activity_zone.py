"""Finds the time zone of an activity that a file recorded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from zoneinfo import ZoneInfo

import tzfpy

from recordings import RecordedActivity
from strava.time_zone import offset_at, time_zone, zone_name


def load_zones() -> None:
    """Read the borders of all zones, 32 MB, which forked processes then share."""
    tzfpy.get_tz(0.0, 0.0)


def zone_of_place(activity: RecordedActivity) -> str | None:
    """Tell the zone of the first position, offline; None without one."""
    place = _first_position(activity)
    return None if place is None else zone_name(tzfpy.get_tz(place[1], place[0]))


def zone_of_neighbor(
    started_at: datetime, utc_offset_s: int | None, neighbor_zone: str | None
) -> str:
    """Tell the zone of a recording without positions, as on a treadmill.

    It is `neighbor_zone`, the zone of the athlete's activity nearest in time, unless the file's
    clock tells another offset: then that offset. Else UTC.
    """
    if utc_offset_s is None:
        return neighbor_zone or time_zone(None, None)
    offset = timedelta(seconds=utc_offset_s)
    if neighbor_zone and offset_at(started_at, neighbor_zone) == offset:
        return neighbor_zone
    return time_zone(None, offset)


def local_time(started_at: datetime, zone: str, utc_offset_s: int | None = None) -> datetime:
    """Get the wall time at the start, without an offset, by the file's clock if it is given."""
    if utc_offset_s is not None:
        return (started_at + timedelta(seconds=utc_offset_s)).replace(tzinfo=None)
    return started_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


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
