"""Personal bests and their history."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from athletics.distance import StandardDistance
from db.models.base import Base, Instant, not_negative, one_of


class PersonalBest(Base):
    """An effort that was faster than all before it over its distance; `is_current` for the one nobody has beaten yet.

    It is the effort, seen as an improvement: its id is the effort's, so it stays the same through recalculations.
    `previous_id` is the best it improved on, null for the first. Columns repeated from the effort serve the indexes.
    """

    __tablename__ = "personal_bests"

    id: Mapped[int] = mapped_column(ForeignKey("best_efforts.id", ondelete="CASCADE"), primary_key=True)
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    distance: Mapped[str]
    distance_m: Mapped[float]
    elapsed_s: Mapped[float]
    achieved_at: Mapped[Instant]
    previous_id: Mapped[int | None] = mapped_column(
        # Checked at commit: a recalculation moves several links at once.
        ForeignKey("personal_bests.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED")
    )
    improvement_s: Mapped[float | None]
    is_current: Mapped[bool]

    __table_args__ = (
        one_of("distance", StandardDistance),
        *not_negative("distance_m"),
        CheckConstraint("elapsed_s > 0", name="elapsed_s_positive"),
        CheckConstraint("improvement_s > 0", name="improvement_s_positive"),
        # Not both or neither: where the previous one is deleted, its id is null until the bests are recalculated.
        CheckConstraint("previous_id IS NULL OR improvement_s IS NOT NULL", name="improvement_on_previous"),
        Index("uq_personal_bests_current", "athlete_id", "distance", unique=True, postgresql_where=text("is_current")),
        Index("ix_personal_bests_history", "athlete_id", "distance", "achieved_at", "id"),
        Index("ix_personal_bests_leaderboard", "distance", "elapsed_s", "id", postgresql_where=text("is_current")),
        Index("ix_personal_bests_activity_id", "activity_id"),
        Index("ix_personal_bests_previous_id", "previous_id"),
    )
