"""Files that were imported."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt


class ImportedFile(Base):
    """An activity that was read from a file.

    `digest` is the SHA-256 of the file's content, unpacked. `place` counts the file's activities
    from 0; `of_file` is how many it has, null in rows of older versions. Deleting the activity
    forgets the file, so that it can be imported again.
    """

    __tablename__ = "imported_files"

    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    file_name: Mapped[str]
    of_file: Mapped[int | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("length(digest) = 32", name="digest_length"),
        Index("ix_imported_files_activity_id", "activity_id"),
    )
