"""Personal bests and their history."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, desc, func, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from athletics.distance import StandardDistance
from db.models.activity import LEAST_PACED_M, LONGEST_PACED_S
from db.models.base import Base, BigId, Instant, later, not_negative, of_activity, one_of


class PersonalBest(Base):
    """An effort faster than all earlier ones over its distance; `is_current` until it is beaten.

    Its id is that of the effort, so it does not change when bests are recalculated. `previous_id`
    is the best that it improved on, null for the first. Some columns repeat the effort's, for the
    indexes and for lists: a list of bests is read without a look at each effort.

    There are two histories: the athlete's own, of all efforts that count, and the one shown to
    others, of the efforts with `counts_for_others`. `for_athlete` and `for_others` say which
    histories a best belongs to; the columns `…_for_others` describe it in the second.
    """

    __tablename__ = "personal_bests"

    id: Mapped[int] = mapped_column(
        ForeignKey("best_efforts.id", ondelete="CASCADE"), primary_key=True
    )
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    activity_id: Mapped[BigId]
    distance: Mapped[str]
    distance_m: Mapped[float] = mapped_column()
    elapsed_s: Mapped[float] = mapped_column()
    start_offset_s: Mapped[float] = mapped_column(Double, server_default="0")
    achieved_at: Mapped[Instant] = mapped_column()
    age_grade_percent: Mapped[float | None]
    age_on_day: Mapped[int | None]
    previous_id: Mapped[int | None] = mapped_column(
        # Checked at commit: a recalculation moves several links at once.
        ForeignKey("personal_bests.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED")
    )
    improvement_s: Mapped[float | None]
    is_current: Mapped[bool]
    for_athlete: Mapped[bool] = mapped_column(server_default="true")
    for_others: Mapped[bool] = mapped_column(server_default="false")
    previous_for_others_id: Mapped[int | None] = mapped_column(
        ForeignKey("personal_bests.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED")
    )
    improvement_for_others_s: Mapped[float | None]
    is_current_for_others: Mapped[bool] = mapped_column(server_default="false")

    pace_s_per_km: Mapped[float] = column_property(
        func.least(elapsed_s, LONGEST_PACED_S, type_=Double)
        * 1000
        / func.greatest(distance_m, LEAST_PACED_M, type_=Double)
    )
    completed_at: Mapped[datetime] = column_property(later(achieved_at, start_offset_s))

    __table_args__ = (
        of_activity(),
        one_of("distance", StandardDistance),
        *not_negative("distance_m"),
        CheckConstraint("elapsed_s > 0", name="elapsed_s_positive"),
        CheckConstraint("improvement_s > 0", name="improvement_s_positive"),
        # Either may be null: when the previous one is deleted, its id is null until the bests are
        # recalculated.
        CheckConstraint(
            "previous_id IS NULL OR improvement_s IS NOT NULL", name="improvement_on_previous"
        ),
        CheckConstraint("improvement_for_others_s > 0", name="improvement_for_others_s_positive"),
        CheckConstraint(
            "previous_for_others_id IS NULL OR improvement_for_others_s IS NOT NULL",
            name="improvement_for_others_on_previous",
        ),
        CheckConstraint("for_athlete OR for_others", name="for_somebody"),
        CheckConstraint(
            "for_athlete OR NOT (is_current OR improvement_s IS NOT NULL)", name="for_athlete"
        ),
        CheckConstraint(
            "for_others OR NOT (is_current_for_others OR improvement_for_others_s IS NOT NULL)",
            name="for_others",
        ),
        Index(
            "uq_personal_bests_current",
            "athlete_id",
            "distance",
            unique=True,
            postgresql_where=text("is_current"),
        ),
        # Lists of an athlete's bests are read from it alone.
        Index(
            "ix_personal_bests_current",
            "athlete_id",
            "distance_m",
            postgresql_include=[
                "id",
                "distance",
                "elapsed_s",
                "start_offset_s",
                "achieved_at",
                "age_grade_percent",
                "activity_id",
                "improvement_s",
                "for_athlete",
            ],
            postgresql_where=text("is_current"),
        ),
        Index("ix_personal_bests_history", "athlete_id", "distance", "achieved_at", "id"),
        Index(
            "uq_personal_bests_current_for_others",
            "athlete_id",
            "distance",
            unique=True,
            postgresql_where=text("is_current_for_others"),
        ),
        # One index for both histories: a list may contain the viewer's own bests and others'.
        Index(
            "ix_personal_bests_fastest",
            "distance",
            "elapsed_s",
            "achieved_at",
            "id",
            postgresql_where=text("is_current OR is_current_for_others"),
        ),
        # Leaderboards by age grade.
        Index(
            "ix_personal_bests_best_grade",
            "distance",
            desc("age_grade_percent"),
            "achieved_at",
            "id",
            postgresql_where=text(
                "(is_current OR is_current_for_others) AND age_grade_percent IS NOT NULL"
            ),
        ),
        # Leaderboards of an age group that few have.
        Index(
            "ix_personal_bests_age",
            "distance",
            "age_on_day",
            postgresql_where=text(
                "(is_current OR is_current_for_others) AND age_on_day IS NOT NULL"
            ),
        ),
        # The same for others, without bests that are hidden from them.
        Index(
            "ix_personal_bests_history_for_others",
            "athlete_id",
            "distance",
            "achieved_at",
            "id",
            postgresql_where=text("for_others"),
        ),
        Index(
            "ix_personal_bests_fastest_for_others",
            "distance",
            "elapsed_s",
            "achieved_at",
            "id",
            postgresql_where=text("is_current_for_others"),
        ),
        Index(
            "ix_personal_bests_best_grade_for_others",
            "distance",
            desc("age_grade_percent"),
            "achieved_at",
            "id",
            postgresql_where=text("is_current_for_others AND age_grade_percent IS NOT NULL"),
        ),
        Index(
            "ix_personal_bests_age_for_others",
            "distance",
            "age_on_day",
            postgresql_where=text("is_current_for_others AND age_on_day IS NOT NULL"),
        ),
        Index("ix_personal_bests_activity_id", "activity_id"),
        Index("ix_personal_bests_previous_id", "previous_id"),
        Index(
            "ix_personal_bests_previous_for_others_id",
            "previous_for_others_id",
            postgresql_where=text("previous_for_others_id IS NOT NULL"),
        ),
    )
