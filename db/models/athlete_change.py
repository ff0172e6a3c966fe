"""What changed of athletes, their activities and bests, for clients that show them."""

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Instant, SerialKey


class AthleteChange(Base):
    """The changes of one transaction to one athlete, its activities and bests. Kept for a week.

    The writer holds the athlete's lock, so an athlete's rows become visible in the order of their
    ids. `changed_at` is the time of the commit, or at most a second before (by a trigger), so that
    it lies after any time at which the row could not yet be seen. `deleted_ids` are of activities
    that are gone, `distances` those with another current best, or with another age grade of it,
    than before. `of_athlete`: the athlete's own data changed, such as the profile, zones or gear.
    `is_complete` is false where more changed than is named. `job_id` is null where no job did it.
    """

    __tablename__ = "athlete_changes"

    id: Mapped[SerialKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    job_id: Mapped[int | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="SET NULL"), index=True
    )
    activity_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    deleted_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    distances: Mapped[list[str]] = mapped_column(ARRAY(Text))
    of_athlete: Mapped[bool] = mapped_column(server_default="false")
    is_complete: Mapped[bool]
    changed_at: Mapped[Instant]

    __table_args__ = (
        Index("ix_athlete_changes_athlete_id", "athlete_id", "id"),
        Index("ix_athlete_changes_changed_at", "changed_at"),
    )
