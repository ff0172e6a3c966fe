"""What athletes chose for activities of Strava that are not here at the moment."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt


class KeptChoice(Base):
    """Whether an activity was hidden or excluded when it went, for when a sync brings it back.

    It may go because Strava does not find it for a while, or does not confirm it in time. Activities
    that were neither have no row.
    """

    __tablename__ = "kept_choices"

    athlete_id: Mapped[BigId] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    strava_id: Mapped[BigId] = mapped_column(primary_key=True)
    hidden: Mapped[bool]
    excluded: Mapped[bool]
    kept_at: Mapped[CreatedAt]
