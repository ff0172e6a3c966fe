"""Budgets of requests to Strava that an athlete's syncs and events may cause."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, Instant


class SyncBudget(Base):
    """The requests to Strava that an athlete's syncs may make.

    A token bucket: `level` are the requests left at `measured_at`. None yet: the bucket is full.
    """

    __tablename__ = "sync_budgets"

    athlete_id: Mapped[BigId] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    level: Mapped[float]
    measured_at: Mapped[Instant]


class EventBudget(Base):
    """The requests that events of Strava's webhook may cause for an athlete without bringing news.

    As SyncBudget. Events are unsigned, so they spend none of the athlete's own.
    """

    __tablename__ = "event_budgets"

    athlete_id: Mapped[BigId] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    level: Mapped[float]
    measured_at: Mapped[Instant]
