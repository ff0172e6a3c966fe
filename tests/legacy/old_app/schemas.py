"""Pydantic schemas."""
from datetime import date, datetime
from typing import List, Optional
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AthleteResponse(Row):
    id: UUID
    display_name: Optional[str]
    birthdate: Optional[date]
    sex: Optional[str]


class SplitResponse(Row):
    split_number: int
    distance: float
    elapsed_time: int


class ActivityResponse(Row):
    id: UUID
    name: str
    start_time: datetime
    distance_m: int
    duration_s: int
    is_race: bool
    splits: List[SplitResponse] = []


class PersonalBestResponse(Row):
    distance_category: str
    time_seconds: int
    activity_id: UUID


class FeedbackCreate(BaseModel):
    activity_id: UUID
    perceived_effort: int
    notes: Optional[str] = None


class FeedbackResponse(FeedbackCreate, Row):
    id: int
