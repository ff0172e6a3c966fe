"""What became of each file of an import."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, PrimaryKey, leads_to, one_of


class ImportOutcome(StrEnum):
    """What became of an activity, or of a file without one."""

    IMPORTED = "IMPORTED"
    SAME_AS = "SAME_AS"
    UPDATED = "UPDATED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class ImportEntry(Base):
    """A line of an import's report.

    `position` orders the lines as the files stand in the uploads, each file's activities in order
    of start. `path` is the file's name below the upload. `activity_id` is null where there is none,
    or none any more.
    """

    __tablename__ = "import_entries"

    id: Mapped[PrimaryKey]
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    position: Mapped[BigId]
    path: Mapped[str]
    outcome: Mapped[str]
    message: Mapped[str]
    activity_id: Mapped[BigId | None]

    __table_args__ = (
        leads_to("activity_id", "activities"),
        UniqueConstraint("job_id", "position"),
        one_of("outcome", ImportOutcome),
        Index("ix_import_entries_athlete_id", "athlete_id"),
        Index("ix_import_entries_activity_id", "activity_id"),
    )
