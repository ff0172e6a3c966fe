"""SQLAlchemy models."""
import uuid

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import relationship

from database import Base  # TODO: core.database


class Athlete(Base):
    __tablename__ = "athlete"

    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    email = Column(String(255), unique=True, nullable=True)
    display_name = Column(String(100))
    birthdate = Column(Date, nullable=True)
    sex = Column(String(1), nullable=True)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    last_strava_sync = Column(DateTime(timezone=True), nullable=True)

    activities = relationship("Activity", back_populates="athlete", order_by="Activity.start_time.desc()")
    personal_bests = relationship("PersonalBest", back_populates="athlete", cascade="all, delete-orphan")


class Activity(Base):
    __tablename__ = "activity"
    __table_args__ = (UniqueConstraint("athlete_id", "external_activity_id"),)

    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    athlete_id = Column(UUID(as_uuid=True), ForeignKey("athlete.id"), nullable=False, index=True)
    name = Column(String(255))
    start_time = Column(DateTime(timezone=True), nullable=False)
    sport = Column(String(20), default="run")
    external_activity_id = Column(String(40))
    distance_m = Column(Integer)
    duration_s = Column(Integer)
    is_race = Column(Boolean, default=False)

    athlete = relationship("Athlete", back_populates="activities")
    splits = relationship("ActivitySplit", back_populates="activity", order_by="ActivitySplit.split_number")
    feedback = relationship("ActivityFeedback", back_populates="activity")


class ActivitySplit(Base):
    __tablename__ = "activity_split"

    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    activity_id = Column(UUID(as_uuid=True), ForeignKey("activity.id"), nullable=False)
    split_number = Column(Integer, nullable=False)
    distance = Column(Float)
    elapsed_time = Column(Integer)

    activity = relationship("Activity", back_populates="splits")


class PersonalBest(Base):
    __tablename__ = "personal_best"

    id = Column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    athlete_id = Column(UUID(as_uuid=True), ForeignKey("athlete.id"), nullable=False)
    activity_id = Column(UUID(as_uuid=True), ForeignKey("activity.id"), nullable=False)
    distance_category = Column(String(20), nullable=False)
    time_seconds = Column(Integer, nullable=False)

    athlete = relationship("Athlete", back_populates="personal_bests")
    activity = relationship("Activity")


class ActivityFeedback(Base):
    __tablename__ = "activity_feedback"

    id = Column(Integer, primary_key=True)
    activity_id = Column(UUID(as_uuid=True), ForeignKey("activity.id"), nullable=False)
    perceived_effort = Column(Integer)
    notes = Column(Text)

    activity = relationship("Activity", back_populates="feedback")
