"""Splits of activities."""

from sqlalchemy import CheckConstraint, Double, Index, and_, case
from sqlalchemy.orm import Mapped, column_property, mapped_column

from athletics.split import SplitUnit
from db.models.activity import LEAST_PACED_M
from db.models.base import Base, BigId, not_negative, of_activity, one_of


class ActivitySplit(Base):
    """A part of an activity of one kilometer or mile (`athletics/split.py`), from its samples.

    `athlete_id` is the activity's. `split_number` counts from 1, `start_offset_s` from the
    activity's start. `level_distance_m` is the distance on the level that costs as much; it and
    `elevation_change_m` are null without sound altitudes.
    """

    __tablename__ = "activity_splits"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    unit: Mapped[str] = mapped_column(primary_key=True)
    split_number: Mapped[int] = mapped_column(primary_key=True)
    athlete_id: Mapped[BigId]
    start_offset_s: Mapped[float] = mapped_column(Double)
    distance_m: Mapped[float] = mapped_column(Double)
    elapsed_time_s: Mapped[float] = mapped_column(Double)
    moving_time_s: Mapped[float] = mapped_column(Double)
    is_partial: Mapped[bool]
    average_heart_rate_bpm: Mapped[float | None] = mapped_column(Double)
    elevation_change_m: Mapped[float | None] = mapped_column(Double)
    level_distance_m: Mapped[float | None] = mapped_column(Double)

    pace_s_per_km: Mapped[float | None] = column_property(
        case(
            (
                and_(moving_time_s > 0, distance_m >= LEAST_PACED_M),
                moving_time_s * 1000 / distance_m,
            ),
            else_=None,
        )
    )
    grade_adjusted_pace_s_per_km: Mapped[float | None] = column_property(
        case(
            (
                and_(moving_time_s > 0, level_distance_m >= LEAST_PACED_M),
                moving_time_s * 1000 / level_distance_m,
            ),
            else_=None,
        )
    )

    __table_args__ = (
        of_activity(),
        one_of("unit", SplitUnit),
        *not_negative(
            "start_offset_s",
            "elapsed_time_s",
            "moving_time_s",
            "distance_m",
            "average_heart_rate_bpm",
            "level_distance_m",
        ),
        CheckConstraint("split_number > 0", name="split_number_range"),
        Index("ix_activity_splits_athlete_id", "athlete_id"),
    )
