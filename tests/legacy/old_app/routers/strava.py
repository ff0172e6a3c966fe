"""Strava: sync as a background task."""
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.orm import Session

from core.config import Settings, get_settings
from core.database import (
    get_db,  # one session a request
    get_db_sync,
)
from models import Athlete
from tasks import strava_tasks

router = APIRouter(prefix="/strava", tags=["strava"])


@router.post("/sync")
def sync(db: Session = Depends(get_db)):
    athlete = db.query(Athlete).order_by(Athlete.display_name).first()
    if athlete is None:
        raise HTTPException(status_code=404, detail="no athlete")
    task_id = strava_tasks.delay(athlete.id)
    return {"task_id": task_id, "status": "queued"}


@router.get("/sync/{task_id}")
def status(task_id: str, db: Session = Depends(get_db_sync)):
    return {"task_id": task_id, "status": strava_tasks.status(db, task_id)}


@router.get("/configured")
def configured(config: Settings = Depends(get_settings)):
    return {"configured": bool(config.STRAVA_CLIENT_ID and config.STRAVA_CLIENT_SECRET), "id": config.STRAVA_CLIENT_ID}
