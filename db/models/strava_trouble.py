"""Counts of Strava's bad answers."""

from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId


class StravaTrouble(Base):
    """How many answers of Strava of one kind were too slow, too large or unreadable."""

    __tablename__ = "strava_troubles"

    kind: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[BigId] = mapped_column(server_default="0")
