"""Strava: sync as a background task."""
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.orm import Session

from core.config import Settings, get_settings
from core.database import (
    get_db,  # one session a request
    get_db_sync,
)
from models import Athlete
from schemas import TaskResponse, TaskStatus
from tasks import strava_tasks

router = APIRouter(prefix="/strava", tags=["strava"])


@router.post("/sync", response_model=TaskResponse)
def sync(db: Session = Depends(get_db), config: Settings = Depends(get_settings)):
    if not (config.STRAVA_CLIENT_ID and config.STRAVA_CLIENT_SECRET):
        raise HTTPException(status_code=400, detail="Strava is not configured")
    athlete = db.query(Athlete).order_by(Athlete.display_name).first()
    if athlete is None:
        raise HTTPException(status_code=404, detail="no athlete")
    task_id = strava_tasks.delay(athlete.id)
    return {"task_id": task_id, "status": "queued"}


@router.get("/sync/{task_id}", response_model=TaskStatus)
def status(task_id: str, db: Session = Depends(get_db_sync)):
    found = strava_tasks.status(db, task_id)
    if found is None:
        raise HTTPException(status_code=404, detail="Task not found")
    return {"task_id": task_id, "status": found}
