"""Activities that syncs could not have, until they have them."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt, Instant, SerialKey, of_activity, one_of
from db.models.job import JobErrorCode


class SyncStage(StrEnum):
    """How far an activity came."""

    READING = "READING"  # Strava did not tell of it, or not so that it could be stored
    DERIVING = "DERIVING"  # it is stored, its streams or efforts are not, or not all


class SyncProblem(Base):
    """One activity that is not as on Strava, because something went wrong with it every time.

    `strava_id` is null for activities that Strava lists without a readable id: one row for all of
    them. `activity_id` is null where the activity is not stored. `code` and `message` tell of the
    last try. `tries` are the jobs that tried since `since`, `job_id` the last of them, at
    `tried_at`. `next_try_at` is when a job of its own tries again; null if only a sync that lists
    the activity can. `is_asked_for`: that try was asked for. The rows go with the connection.
    """

    __tablename__ = "sync_problems"

    id: Mapped[SerialKey]
    connection_id: Mapped[BigId] = mapped_column(
        ForeignKey("strava_connections.id", ondelete="CASCADE")
    )
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    strava_id: Mapped[BigId | None]
    activity_id: Mapped[BigId | None] = mapped_column(index=True)
    stage: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    message: Mapped[str]
    since: Mapped[CreatedAt]
    tries: Mapped[int] = mapped_column(server_default="1")
    job_id: Mapped[BigId]
    tried_at: Mapped[CreatedAt]
    next_try_at: Mapped[Instant | None]
    is_asked_for: Mapped[bool] = mapped_column(server_default="false")

    __table_args__ = (
        of_activity(),
        UniqueConstraint("athlete_id", "strava_id", postgresql_nulls_not_distinct=True),
        one_of("stage", SyncStage),
        one_of("code", JobErrorCode),
        Index("ix_sync_problems_connection_id", "connection_id"),
        Index("ix_sync_problems_next_try_at", "next_try_at"),
    )
