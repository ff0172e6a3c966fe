"""Changes that Strava reported by webhook and that no job has applied yet."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt, one_of


class StravaObject(StrEnum):
    """What an event is about."""

    ACTIVITY = "activity"
    ATHLETE = "athlete"


class StravaEvent(Base):
    """One object of one athlete that changed, by any change, however often it was told.

    A job looks the object up at Strava and deletes the row with what it writes. Events of an
    athlete who disconnects go with the connection. `job_id` is the job that took the event; a new
    event on the object sets it to null, so that it is looked up again. `due_at` is when a job
    may take it, later after each of the `tries`. `is_second_look`: it was applied while a sync
    ran, which may have overwritten it, and is only checked.
    """

    __tablename__ = "strava_events"

    connection_id: Mapped[BigId] = mapped_column(
        ForeignKey("strava_connections.id", ondelete="CASCADE"), primary_key=True
    )
    object_type: Mapped[str] = mapped_column(primary_key=True)
    object_id: Mapped[BigId] = mapped_column(primary_key=True)
    job_id: Mapped[BigId | None]
    tries: Mapped[int] = mapped_column(server_default="0")
    is_second_look: Mapped[bool] = mapped_column(server_default="false")
    received_at: Mapped[CreatedAt]
    due_at: Mapped[CreatedAt]

    __table_args__ = (
        one_of("object_type", StravaObject),
        Index("ix_strava_events_due_at", "due_at"),
    )
