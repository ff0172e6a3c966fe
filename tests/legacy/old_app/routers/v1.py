"""v1 reads."""
from typing import List
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy.orm import Session

from core.cache import get_redis_client
from database import get_db
from models import Activity, Athlete, PersonalBest
from schemas import ActivityResponse, AgeGradeResponse, AthleteResponse, PersonalBestResponse
from services.age_grade import age_grade

router = APIRouter(prefix="/v1", tags=["v1"])


@router.get("/athletes", response_model=List[AthleteResponse])
def get_athletes(db: Session = Depends(get_db)):
    return db.query(Athlete).order_by(Athlete.display_name).all()


@router.get("/athletes/{id}", response_model=AthleteResponse)
def get_athlete(id: UUID, db: Session = Depends(get_db)):
    athlete = db.query(Athlete).filter(Athlete.id == id).first()
    if not athlete:
        raise HTTPException(status_code=404, detail="Athlete not found")
    return athlete


@router.get("/activities", response_model=List[ActivityResponse])
def get_activities(
    athlete_id: UUID,
    limit: int = Query(100, ge=1, le=1000),
    db: Session = Depends(get_db),
):
    athlete = db.get(Athlete, athlete_id)
    if not athlete:
        raise HTTPException(status_code=404, detail="Athlete not found")
    return athlete.activities[:limit]


@router.get("/athletes/{id}/personal-bests", response_model=List[PersonalBestResponse])
def get_personal_bests(id: UUID, db: Session = Depends(get_db)):
    return db.query(PersonalBest).filter(PersonalBest.athlete_id == id).order_by(PersonalBest.time_seconds).all()


@router.get("/activities/{id}/age-grade", response_model=AgeGradeResponse)
def get_age_grade(id: UUID, db: Session = Depends(get_db)):
    activity = db.get(Activity, id)
    if activity is None:
        raise HTTPException(status_code=404, detail="Activity not found")
    key = f"age-grade:{id}"
    client = get_redis_client()
    known = client.get(key)
    if known is None:
        known = str(age_grade(activity))
        client.set(key, known, ex=300)
    return {"activity_id": str(id), "performance_percentage": float(known)}
