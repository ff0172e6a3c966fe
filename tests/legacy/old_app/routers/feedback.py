"""How a run felt."""
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.exc import IntegrityError

import core.database as db_core
from models import ActivityFeedback
from schemas import FeedbackCreate, FeedbackResponse

router = APIRouter()


@router.post("/feedback", response_model=FeedbackResponse)
def create_feedback(feedback: FeedbackCreate, db=Depends(db_core.get_db)):
    db.add(ActivityFeedback(**feedback.model_dump()))
    try:
        db.commit()
    except IntegrityError:
        db.rollback()
        raise HTTPException(status_code=404, detail="Activity not found")
    return {"status": "received"}
