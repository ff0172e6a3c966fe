"""Heart rates: the zones of athletes, and how long a heart beat how fast."""

from datetime import date

from sqlalchemy import ARRAY, CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, of_activity


class HeartRateZone(Base):
    """One zone of an athlete: from `lowest_bpm` up to the next zone.

    The zones of one `valid_from` are numbered from 1, upward, and hold until the next date. Those
    `from_strava` hold only on days before all that the athlete set here.
    """

    __tablename__ = "heart_rate_zones"

    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    from_strava: Mapped[bool] = mapped_column(primary_key=True, server_default=text("false"))
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    zone_number: Mapped[int] = mapped_column(primary_key=True)
    lowest_bpm: Mapped[int]

    __table_args__ = (
        CheckConstraint("zone_number BETWEEN 1 AND 10", name="zone_number_range"),
        CheckConstraint("lowest_bpm BETWEEN 0 AND 250", name="lowest_bpm_range"),
    )


class ActivityHeartRates(Base):
    """Seconds at each heart rate of an activity, from `lowest_bpm` on (`athletics/heart_rate.py`).

    `athlete_id` is the activity's.
    """

    __tablename__ = "activity_heart_rates"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    athlete_id: Mapped[BigId]
    lowest_bpm: Mapped[int]
    seconds: Mapped[list[float]] = mapped_column(ARRAY(Double))

    __table_args__ = (
        of_activity(),
        Index("ix_activity_heart_rates_athlete_id", "athlete_id"),
    )
