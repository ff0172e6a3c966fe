"""Best efforts: the fastest stretch over a standard distance inside one activity."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    UniqueConstraint,
    and_,
    case,
    func,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from athletics.age_grade import is_interpolated
from athletics.age_grade_table import AgeGradeTable, Sex
from athletics.distance import StandardDistance
from athletics.effort_provenance import EffortProvenance
from db.models.activity import LEAST_PACED_M, LONGEST_PACED_S
from db.models.base import (
    Base,
    BigId,
    Instant,
    PrimaryKey,
    later,
    not_negative,
    of_activity,
    one_of,
)

_UNLISTED = tuple(
    (table.value, distance.value)
    for table in AgeGradeTable
    for distance in StandardDistance
    if is_interpolated(distance.meters, table)
)
"""Tables and the standard distances that they do not list."""


def _is_unlisted(table: Any, distance: Any) -> ColumnElement[bool]:
    return or_(*(and_(table == one, distance == other) for one, other in _UNLISTED))


class BestEffort(Base):
    """An effort. Only efforts with `counts` are ranked and can be personal bests.

    `counts` is true for efforts of runs that are not flagged, not duplicates and not excluded by
    the athlete, nor themselves excluded. `counts_for_others` is the same rule applied to the
    activities visible to everyone only; results shown to other users are derived from it.

    `implied` efforts were measured over a longer distance only (`athletics/activity_effort.py`).
    One counts only where a best over a longer distance would otherwise be faster, and lists omit it
    unless it counts.

    `achieved_at` is when the distance would have been completed had the effort begun with its run:
    orders and cursors, which others see, must not tell where in a run an effort lies. The distance
    was completed `start_offset_s` later (`completed_at`). `start_distance_m` is where the effort
    began, on the scale of the activity's distance; it and `average_heart_rate_bpm` are null where
    no samples tell, and until the activity is derived again after migration 0052. The columns of
    the age grade are null together, when the birth date or sex is unknown or the table does not
    cover the age.
    """

    __tablename__ = "best_efforts"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    activity_id: Mapped[BigId]
    distance: Mapped[str] = mapped_column()
    distance_m: Mapped[float] = mapped_column()
    elapsed_s: Mapped[float] = mapped_column(Double)
    start_offset_s: Mapped[float] = mapped_column()
    start_distance_m: Mapped[float | None] = mapped_column()
    average_heart_rate_bpm: Mapped[float | None] = mapped_column()
    achieved_at: Mapped[Instant] = mapped_column()
    provenance: Mapped[str]
    excluded: Mapped[bool] = mapped_column(server_default="false")
    implied: Mapped[bool]
    counts: Mapped[bool]
    counts_for_others: Mapped[bool] = mapped_column(server_default="false")
    age_on_day: Mapped[int | None]
    age_grade_sex: Mapped[str | None]
    age_grade_table: Mapped[str | None] = mapped_column()
    open_standard_s: Mapped[float | None] = mapped_column(Double)
    age_standard_s: Mapped[float | None] = mapped_column(Double)
    age_grade_percent: Mapped[float | None]

    # The tables' own definitions (athletics/age_grade.py). What is computed of columns has their type,
    # if they name one.
    age_factor: Mapped[float | None] = column_property(open_standard_s / age_standard_s)
    age_graded_time_s: Mapped[float | None] = column_property(
        elapsed_s * open_standard_s / age_standard_s
    )

    completed_at: Mapped[datetime] = column_property(later(achieved_at, start_offset_s))
    distance_interpolated: Mapped[bool | None] = column_property(
        case((age_grade_table.is_not(None), _is_unlisted(age_grade_table, distance)))
    )

    pace_s_per_km: Mapped[float] = column_property(
        func.least(elapsed_s, LONGEST_PACED_S, type_=Double)
        * 1000
        / func.greatest(distance_m, LEAST_PACED_M, type_=Double)
    )

    __table_args__ = (
        of_activity(),
        UniqueConstraint("activity_id", "distance"),
        one_of("distance", StandardDistance),
        one_of("provenance", EffortProvenance),
        one_of("age_grade_sex", Sex),
        one_of("age_grade_table", AgeGradeTable),
        *not_negative("distance_m", "start_offset_s"),
        CheckConstraint("elapsed_s > 0 AND elapsed_s < 'Infinity'::float8", name="elapsed_s_range"),
        CheckConstraint(
            "num_nulls(age_on_day, age_grade_sex, age_grade_table, open_standard_s, "
            "age_standard_s, age_grade_percent) IN (0, 6)",
            name="age_grade_whole",
        ),
        # Serves lists, fastest first, and the rank of an effort by an index-only scan.
        Index(
            "ix_best_efforts_fastest",
            "athlete_id",
            "distance",
            "elapsed_s",
            "achieved_at",
            "id",
            postgresql_include=["counts", "counts_for_others", "implied"],
        ),
        # The same for others, without hidden efforts: it takes no longer where there are more.
        Index(
            "ix_best_efforts_fastest_for_others",
            "athlete_id",
            "distance",
            "elapsed_s",
            "achieved_at",
            "id",
            postgresql_where=text("counts_for_others"),
        ),
    )
