"""Rows of what an activity holds, for tests; `tests/factories.py` has all of them."""

from collections.abc import Sequence
from datetime import date
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert, select

from db.models import (
    Activity,
    ActivityHeartRates,
    ActivityLap,
    ActivityRoute,
    ActivitySplit,
    Gear,
    HeartRateZone,
)

_numbers = count(1)


def create_gear(db: Connection, athlete_id: int, **columns: Any) -> int:
    """A pair of shoes that Strava told of."""
    number = next(_numbers)
    defaults = {"athlete_id": athlete_id, "strava_id": f"g{number}", "name": f"Shoes {number}"}
    values = defaults | columns
    return db.execute(insert(Gear).values(**values).returning(Gear.id)).scalar_one()


def create_lap(db: Connection, activity_id: int, number: int = 1, **columns: Any) -> None:
    """A lap of 1 km in 5 minutes."""
    athlete_id = db.execute(select(Activity.athlete_id).where(Activity.id == activity_id))
    defaults = {
        "activity_id": activity_id,
        "athlete_id": athlete_id.scalar_one(),
        "lap_number": number,
        "start_offset_s": 300.0 * (number - 1),
        "elapsed_time_s": 310.0,
        "moving_time_s": 300.0,
        "distance_m": 1000.0,
        "average_heart_rate_bpm": 150.5,
    }
    db.execute(insert(ActivityLap).values(**defaults | columns))


def create_route(db: Connection, activity_id: int, points: Sequence[tuple[int, ...]]) -> None:
    """A route of points in millionths of a degree, each with its sample, or else its place here."""
    athlete_id = db.execute(select(Activity.athlete_id).where(Activity.id == activity_id))
    values = {
        "activity_id": activity_id,
        "athlete_id": athlete_id.scalar_one(),
        "latitudes": [point[0] for point in points],
        "longitudes": [point[1] for point in points],
        "samples": [(*point, place)[2] for place, point in enumerate(points)],
    }
    db.execute(insert(ActivityRoute).values(**values))


def create_zones(
    db: Connection, athlete_id: int, day: date, lowest_bpm: list[int], *, from_strava: bool = False
) -> None:
    for number, bpm in enumerate(lowest_bpm, start=1):
        zone = {
            "athlete_id": athlete_id,
            "from_strava": from_strava,
            "valid_from": day,
            "zone_number": number,
            "lowest_bpm": bpm,
        }
        db.execute(insert(HeartRateZone).values(**zone))


def create_heart_rates(
    db: Connection, activity_id: int, lowest_bpm: int = 100, seconds: tuple[float, ...] = (10.0,)
) -> None:
    athlete_id = db.execute(select(Activity.athlete_id).where(Activity.id == activity_id))
    rates = {"lowest_bpm": lowest_bpm, "seconds": list(seconds), "activity_id": activity_id}
    db.execute(insert(ActivityHeartRates).values(athlete_id=athlete_id.scalar_one(), **rates))


def create_split(db: Connection, activity_id: int, number: int = 1, **columns: Any) -> None:
    """A kilometer in 5 minutes, 10 m uphill."""
    athlete_id = db.execute(select(Activity.athlete_id).where(Activity.id == activity_id))
    defaults = {
        "activity_id": activity_id,
        "athlete_id": athlete_id.scalar_one(),
        "unit": "KILOMETER",
        "split_number": number,
        "start_offset_s": 300.0 * (number - 1),
        "distance_m": 1000.0,
        "elapsed_time_s": 310.0,
        "moving_time_s": 300.0,
        "is_partial": False,
        "average_heart_rate_bpm": 150.5,
        "elevation_change_m": 10.0,
        "level_distance_m": 1060.0,
    }
    db.execute(insert(ActivitySplit).values(**defaults | columns))
