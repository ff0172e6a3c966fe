"""Laps of activities."""

from sqlalchemy import CheckConstraint, Double, Index, and_, case
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.activity import LEAST_PACED_M, LONGEST_PACED_S
from db.models.base import Base, BigId, not_negative, of_activity


class ActivityLap(Base):
    """A lap as the device or Strava made it. `lap_number` counts from 1, by the laps' start.

    `athlete_id` is the activity's. `start_offset_s` counts from the activity's start. A column is
    null if its source did not tell.
    """

    __tablename__ = "activity_laps"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    lap_number: Mapped[int] = mapped_column(primary_key=True)
    athlete_id: Mapped[BigId]
    start_offset_s: Mapped[float] = mapped_column(Double)
    elapsed_time_s: Mapped[float] = mapped_column(Double)
    moving_time_s: Mapped[float | None] = mapped_column(Double)
    distance_m: Mapped[float | None] = mapped_column(Double)
    average_heart_rate_bpm: Mapped[float | None] = mapped_column(Double)

    pace_s_per_km: Mapped[float | None] = column_property(
        case(
            (
                and_(
                    moving_time_s > 0,
                    moving_time_s <= LONGEST_PACED_S,
                    distance_m >= LEAST_PACED_M,
                ),
                moving_time_s * 1000 / distance_m,
            ),
            else_=None,
        )
    )

    __table_args__ = (
        of_activity(),
        *not_negative(
            "start_offset_s",
            "elapsed_time_s",
            "moving_time_s",
            "distance_m",
            "average_heart_rate_bpm",
        ),
        CheckConstraint("lap_number > 0", name="lap_number_range"),
        Index("ix_activity_laps_athlete_id", "athlete_id"),
    )
