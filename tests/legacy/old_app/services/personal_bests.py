"""Recalculation of personal bests."""
from typing import TYPE_CHECKING

from models import Activity, PersonalBest

if TYPE_CHECKING:
    from database import Base

CATEGORIES = {"5k": 5000, "10k": 10000}


def recalculate(db, athlete: "Base") -> int:
    db.query(PersonalBest).filter(PersonalBest.athlete_id == athlete.id).delete()
    found = 0
    for category, distance in CATEGORIES.items():
        best = (
            db.query(Activity)
            .filter(Activity.athlete_id == athlete.id, Activity.distance_m >= distance)
            .order_by(Activity.duration_s * 1.0 / Activity.distance_m)
            .first()
        )
        if best is not None:
            seconds = round(best.duration_s * distance / best.distance_m)
            db.add(PersonalBest(athlete=athlete, activity=best, distance_category=category, time_seconds=seconds))
            found += 1
    return found
