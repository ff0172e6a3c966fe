"""Receipts of connections that ended, without a trace of the athlete."""

from enum import StrEnum

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, not_negative, one_of


class ErasureCause(StrEnum):
    """Why a connection ended."""

    ASKED = "ASKED"  # by the athlete or an administrator
    REVOKED = "REVOKED"  # the athlete revoked the access at Strava


class Erasure(Base):
    """One connection to Strava that was ended.

    `is_data_kept`: the athlete kept the activities. `is_revoked`: Strava knows that the access
    ended; if not, it did not answer in time. The others count the rows that were deleted.
    """

    __tablename__ = "erasures"

    id: Mapped[PrimaryKey]
    cause: Mapped[str] = mapped_column(Text)
    is_data_kept: Mapped[bool]
    is_revoked: Mapped[bool]
    activities: Mapped[int] = mapped_column()
    streams: Mapped[int]
    best_efforts: Mapped[int]
    personal_bests: Mapped[int]
    requested_at: Mapped[Instant]
    ended_at: Mapped[CreatedAt]

    __table_args__ = (
        one_of("cause", ErasureCause),
        *not_negative("activities", "streams", "best_efforts", "personal_bests"),
    )
