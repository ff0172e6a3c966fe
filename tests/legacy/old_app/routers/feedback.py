"""How a run felt."""
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.exc import IntegrityError

import core.database as db_core
from models import ActivityFeedback
from schemas import FeedbackCreate, FeedbackResponse

router = APIRouter()


@router.post("/feedback", response_model=FeedbackResponse, status_code=201)
def create_feedback(feedback: FeedbackCreate, db=Depends(db_core.get_db)):
    row = ActivityFeedback(**feedback.model_dump())
    db.add(row)
    try:
        db.commit()
    except IntegrityError:
        db.rollback()
        raise HTTPException(status_code=409, detail="Feedback exists, or no such activity")
    db.refresh(row)
    return row


@router.get("/feedback")
def list_feedback(db=Depends(db_core.get_db)):
    return [
        {"notes": row.notes, "perceived_effort": row.perceived_effort, "activity": row.activity.name}
        for row in db.query(ActivityFeedback).order_by(ActivityFeedback.id)
    ]
