"""Files that were imported."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt, of_activity


class ImportedFile(Base):
    """An activity that was read from a file.

    `digest` is the SHA-256 of the file's content, unpacked. `place` counts the file's activities
    from 0; `of_file` is how many it has, null in rows of older versions. If the athlete deleted the
    activity here, `deleted_activity_id` names what is left of it instead, and the file is not
    imported again. `strava_id` is what the list of Strava's export tells; null without a list, and
    where the athlete deleted the activity while the one of that id was here too.
    """

    __tablename__ = "imported_files"

    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    activity_id: Mapped[BigId | None]
    deleted_activity_id: Mapped[int | None] = mapped_column(
        ForeignKey("deleted_activities.id", ondelete="CASCADE"), index=True
    )
    file_name: Mapped[str]
    strava_id: Mapped[BigId | None]
    of_file: Mapped[int | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        of_activity(),
        CheckConstraint("length(digest) = 32", name="digest_length"),
        CheckConstraint(
            "num_nonnulls(activity_id, deleted_activity_id) = 1", name="of_one_activity"
        ),
        Index("ix_imported_files_activity_id", "activity_id"),
    )
