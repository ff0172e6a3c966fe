"""Activities that their athletes deleted here."""

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt


class DeletedActivity(Base):
    """What is left of an activity, so that no sync or import brings it back.

    `id` is the one that it had. `strava_id` is null if it came from files, which `imported_files`
    tells.
    """

    __tablename__ = "deleted_activities"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    strava_id: Mapped[BigId | None]
    deleted_at: Mapped[CreatedAt]

    __table_args__ = (
        UniqueConstraint("athlete_id", "strava_id"),
        Index("ix_deleted_activities_athlete_id_deleted_at", "athlete_id", "deleted_at", "id"),
    )
