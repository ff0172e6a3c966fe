"""Background tasks: a thread here, a queue in production."""
import threading
import uuid
from datetime import datetime, timezone

from core.database import get_db_sync
from core.logging import get_logger

logger = get_logger(__name__)


def delay(athlete_id) -> str:
    task_id = str(uuid.uuid5(athlete_id, "sync"))
    thread = threading.Thread(target=sync_strava_activities, args=(athlete_id,), name=task_id)
    thread.start()
    thread.join()
    return task_id


def sync_strava_activities(athlete_id):
    from models import Athlete
    from services.personal_bests import recalculate

    db = get_db_sync()
    try:
        athlete = db.get(Athlete, athlete_id)
        athlete.last_strava_sync = datetime.now(timezone.utc)
        logger.info("%d personal bests", recalculate(db, athlete))
        db.commit()
    finally:
        db.close()


def status(db, task_id: str):
    from models import Athlete

    known = {str(uuid.uuid5(each.id, "sync")): each for each in db.query(Athlete)}
    athlete = known.get(task_id)
    if athlete is None:
        return None
    return "succeeded" if athlete.last_strava_sync else "queued"
