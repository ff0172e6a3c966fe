"""Best efforts: the fastest stretch over a standard distance inside one activity."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, column_property, mapped_column

from athletics.activity_effort import EffortProvenance
from athletics.age_grade import AgeGradeTable, Sex
from athletics.distance import StandardDistance
from db.models.base import Base, Instant, PrimaryKey, not_negative, one_of


class BestEffort(Base):
    """An effort. `counts`: a run's, not flagged, not excluded, not of a duplicate; only these rank and become bests.

    `counts_for_others`: the same among the activities that are visible to everyone, as if the athlete had none besides;
    what is derived for others than the athlete is derived from these.
    `implied`: measured over a longer distance only (`athletics/activity_effort.py`); it counts only where it keeps a
    best from contradicting a longer distance's, and lists leave it out unless it counts.
    `achieved_at` is the instant the distance was completed. The age grade's columns are null together, where birth
    date or sex is unknown or the table does not cover the age.
    """

    __tablename__ = "best_efforts"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"))
    distance: Mapped[str]
    distance_m: Mapped[float]
    elapsed_s: Mapped[float] = mapped_column()
    start_offset_s: Mapped[float]
    achieved_at: Mapped[Instant]
    provenance: Mapped[str]
    excluded: Mapped[bool] = mapped_column(server_default="false")
    implied: Mapped[bool]
    counts: Mapped[bool]
    counts_for_others: Mapped[bool] = mapped_column(server_default="false")
    age_on_day: Mapped[int | None]
    age_grade_sex: Mapped[str | None]
    age_grade_table: Mapped[str | None]
    open_standard_s: Mapped[float | None] = mapped_column()
    age_standard_s: Mapped[float | None] = mapped_column()
    age_grade_percent: Mapped[float | None]

    # The tables' own definitions (athletics/age_grade.py).
    age_factor: Mapped[float | None] = column_property(open_standard_s / age_standard_s)
    age_graded_time_s: Mapped[float | None] = column_property(elapsed_s * open_standard_s / age_standard_s)

    __table_args__ = (
        UniqueConstraint("activity_id", "distance"),
        one_of("distance", StandardDistance),
        one_of("provenance", EffortProvenance),
        one_of("age_grade_sex", Sex),
        one_of("age_grade_table", AgeGradeTable),
        *not_negative("distance_m", "start_offset_s"),
        CheckConstraint("elapsed_s > 0 AND elapsed_s < 'Infinity'::float8", name="elapsed_s_range"),
        CheckConstraint(
            "num_nulls(age_on_day, age_grade_sex, age_grade_table, open_standard_s, age_standard_s, age_grade_percent)"
            " IN (0, 6)",
            name="age_grade_whole",
        ),
        # Lists, fastest first, and by the index alone the rank of an effort.
        Index(
            "ix_best_efforts_ranking",
            "athlete_id",
            "distance",
            "elapsed_s",
            "id",
            postgresql_include=["counts", "counts_for_others", "implied"],
        ),
    )
