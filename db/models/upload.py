"""Files on their way to an import."""

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt, Instant, PrimaryKey


class Upload(Base):
    """A file that an athlete sends in parts. Its bytes are in the folder of UPLOADS_FOLDER.

    `received_bytes` is what the last request left; the file's own size is the truth. `job_id` is
    the import that reads it, null before. `expires_at` is when the row and the file are deleted,
    unless that job is still active.
    """

    __tablename__ = "uploads"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    file_name: Mapped[str]
    size_bytes: Mapped[BigId]
    received_bytes: Mapped[BigId] = mapped_column(server_default="0")
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Instant]

    __table_args__ = (
        CheckConstraint(
            "size_bytes > 0 AND received_bytes BETWEEN 0 AND size_bytes", name="received"
        ),
        Index("ix_uploads_athlete_id", "athlete_id"),
        Index("ix_uploads_job_id", "job_id"),
        Index("ix_uploads_expires_at", "expires_at"),
    )
