"""Archives of all data of an athlete, to be downloaded."""

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, cast, func
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, not_negative


class Export(Base):
    """One archive, which `job_id` makes. Its bytes are in the folder of EXPORTS_FOLDER.

    `size_bytes` is how long the file is, or was at the job's last progress. `ready_at` is when it
    was whole, null until then; it is deleted at `expires_at`. Anyone with `token` may download
    it, at `server_url`.
    """

    __tablename__ = "exports"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), unique=True)
    token: Mapped[str] = mapped_column(unique=True)
    server_url: Mapped[str] = mapped_column()
    size_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[CreatedAt]
    ready_at: Mapped[Instant | None] = mapped_column()
    expires_at: Mapped[Instant | None] = mapped_column()

    size: Mapped[float] = column_property(cast(size_bytes, Double))
    url: Mapped[str] = column_property(func.concat(server_url, "/exports/", token))

    __table_args__ = (
        *not_negative("size_bytes"),
        CheckConstraint("(ready_at IS NULL) = (expires_at IS NULL)", name="expires_when_ready"),
        Index("ix_exports_athlete_id", "athlete_id"),
    )
