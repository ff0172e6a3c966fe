"""Pydantic schemas."""
from datetime import date, datetime
from typing import Dict, List, Literal, Optional
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
    distance_m: float
    duration_s: int
    is_race: Optional[bool]
    splits: List[SplitResponse]


class PersonalBestResponse(Row):
    distance_category: str
    time_seconds: float
    activity_id: UUID


class AgeGradeResponse(BaseModel):
    activity_id: UUID
    performance_percentage: Optional[float]


class TaskResponse(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task_id: str
    status: Literal["queued"]


class TaskStatus(BaseModel):
    task_id: str
    status: Literal["queued", "running", "succeeded", "failed"]


class FeedbackCreate(BaseModel):
    activity_id: UUID
    perceived_effort: int
    notes: Optional[str] = None


class FeedbackResponse(BaseModel):
    status: Literal["received"]


class HealthResponse(BaseModel):
    status: Literal["healthy", "unhealthy"]
    version: str
    database: str
    redis: str
    checks: Dict[str, str]
