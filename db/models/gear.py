"""Gear: the shoes that athletes run in."""

from sqlalchemy import ARRAY, Double, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, not_negative


class Gear(Base):
    """A pair of shoes.

    `strava_id` is Strava's id of it, such as g123; null for shoes from elsewhere. `name` is null
    until its source tells it. `stated_distance_m` is what its source counts, with runs that are not
    here. `asked_at` is when Strava was asked for it last. `edited` are the columns that the athlete
    changed here: what its source tells of them does not count. `source_name` is the name that its
    source knows it by, null unless the athlete gave it another one here.
    """

    __tablename__ = "gear"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    strava_id: Mapped[str | None]
    name: Mapped[str | None]
    source_name: Mapped[str | None]
    retired: Mapped[bool] = mapped_column(server_default="false")
    stated_distance_m: Mapped[float | None] = mapped_column(Double)
    asked_at: Mapped[Instant | None]
    edited: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        # Activities refer to it together with its athlete.
        UniqueConstraint("athlete_id", "id"),
        UniqueConstraint("athlete_id", "strava_id"),
        *not_negative("stated_distance_m"),
    )
