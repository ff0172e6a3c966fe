"""Routes of activities."""

from sqlalchemy import ARRAY, CheckConstraint, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, of_activity


class ActivityRoute(Base):
    """Where an activity went (`athletics/route.py`): points in order, in millionths of a degree.

    `athlete_id` is the activity's. `samples` are the places of the points among the activity's
    samples; null in rows of older versions. Statements show others only what is far from both ends.
    """

    __tablename__ = "activity_routes"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    athlete_id: Mapped[BigId]
    latitudes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    longitudes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    samples: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))

    __table_args__ = (
        of_activity(),
        CheckConstraint(
            "cardinality(latitudes) = cardinality(longitudes) AND cardinality(latitudes) > 1",
            name="points",
        ),
        Index("ix_activity_routes_athlete_id", "athlete_id"),
    )
