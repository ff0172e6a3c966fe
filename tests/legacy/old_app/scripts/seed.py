#!/usr/bin/env python
"""Two athletes and their runs."""
import os
import sys
import uuid
from datetime import date, datetime, timedelta, timezone

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from database import SessionLocal  # noqa: E402
from models import Activity, ActivitySplit, Athlete  # noqa: E402

NAMES = ("Ada", "Ben")


def main():
    db = SessionLocal()
    try:
        for number, name in enumerate(NAMES):
            athlete = Athlete(id=uuid.uuid5(uuid.NAMESPACE_DNS, name), display_name=name, sex="F",
                              birthdate=date(1980 + number, 5, 17))
            db.add(athlete)
            for day in range(5):
                activity = Activity(
                    id=uuid.uuid5(athlete.id, str(day)),
                    athlete=athlete,
                    name=f"Run {day}",
                    start_time=datetime(2024, 3, 1, 7, tzinfo=timezone.utc) + timedelta(days=day),
                    external_activity_id=str(1000 * number + day),
                    distance_m=4000 + 1500 * day,
                    duration_s=1200 + 480 * day,
                )
                activity.splits = [ActivitySplit(split_number=n, distance=1000.0, elapsed_time=300) for n in (2, 1)]
                db.add(activity)
        db.commit()
        print(f"{db.query(Activity).count()} activities")
    finally:
        db.close()


if __name__ == "__main__":
    main()
