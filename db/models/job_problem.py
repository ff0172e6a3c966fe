"""What a job could not do for single activities."""

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, SerialKey, one_of
from db.models.job import JobErrorCode


class JobProblem(Base):
    """One activity that a job left out, or did in part. The next sync tries it again.

    `strava_id` is null where Strava told none that can be read. `code` and `message` are as those
    of a failed job's error.
    """

    __tablename__ = "job_problems"

    id: Mapped[SerialKey]
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), index=True
    )
    strava_id: Mapped[BigId | None]
    code: Mapped[str] = mapped_column(Text)
    message: Mapped[str]

    __table_args__ = (UniqueConstraint("job_id", "strava_id"), one_of("code", JobErrorCode))
