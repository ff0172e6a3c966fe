"""Athletes: the people behind the stored activities."""

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, column_property, mapped_column

from athletics.age_grade_table import Sex
from athletics.training_load import (
    LEAST_MAX_BPM,
    LEAST_RESTING_BPM,
    MOST_MAX_BPM,
    MOST_RESTING_BPM,
)
from db.models.base import Base, CreatedAt, PrimaryKey, one_of


class MeasurementSystem(StrEnum):
    """Units that an athlete prefers. The API always answers in meters and seconds."""

    METRIC = "METRIC"
    IMPERIAL = "IMPERIAL"


NAMELESS = "Athlete"
"""The first name of an athlete of whom none is known."""


class Athlete(Base):
    """A runner. `shares` is the athlete's consent to be seen by others; it needs SHARING=on.

    Within `hidden_radius_m` of the start and end of a route others see no part of it; 0 hides
    nothing. The resting and maximum heart rate are what the athlete says. `shares_age_grades` is a
    separate consent, because an age grade reveals the age on that day. A trigger sets
    `data_version` to a new number after each change to the athlete's data, activities included.
    """

    __tablename__ = "athletes"

    id: Mapped[PrimaryKey]
    first_name: Mapped[str] = mapped_column()
    last_name: Mapped[str] = mapped_column()
    display_name: Mapped[str] = column_property(func.btrim(first_name + " " + last_name))
    sex: Mapped[str | None]
    birth_date: Mapped[date | None]
    city: Mapped[str | None]
    country: Mapped[str | None]
    measurement_system: Mapped[str] = mapped_column(server_default=MeasurementSystem.METRIC)
    shares: Mapped[bool] = mapped_column(server_default="false")
    shares_age_grades: Mapped[bool] = mapped_column(server_default="false")
    hidden_radius_m: Mapped[int] = mapped_column(server_default="500")
    resting_heart_rate_bpm: Mapped[int | None]
    max_heart_rate_bpm: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    data_version: Mapped[int] = mapped_column(BigInteger, server_default="0")

    __table_args__ = (
        one_of("sex", Sex),
        one_of("measurement_system", MeasurementSystem),
        CheckConstraint(
            "birth_date BETWEEN '1900-01-01' AND '2200-01-01'", name="birth_date_range"
        ),
        CheckConstraint(
            "hidden_radius_m = 0 OR hidden_radius_m BETWEEN 100 AND 5000",
            name="hidden_radius_m_range",
        ),
        CheckConstraint(
            f"resting_heart_rate_bpm BETWEEN {LEAST_RESTING_BPM} AND {MOST_RESTING_BPM}",
            name="resting_heart_rate_bpm_range",
        ),
        CheckConstraint(
            f"max_heart_rate_bpm BETWEEN {LEAST_MAX_BPM} AND {MOST_MAX_BPM}",
            name="max_heart_rate_bpm_range",
        ),
        Index("ix_athletes_last_name", "last_name", "id"),
        Index("ix_athletes_created_at", "created_at", "id"),
    )
