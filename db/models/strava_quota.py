"""What PostgreSQL keeps of Strava's quota, in case Redis loses it."""

from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId


class StravaQuota(Base):
    """The quota of one application of Strava's, named by its client id.

    `ledger` is JSON of `strava/shared_quota/ledger.py`, in which no request is missing; null before
    the first one. `generation` rises when it takes the place of what Redis had.
    """

    __tablename__ = "strava_quotas"

    application: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[BigId] = mapped_column(server_default="0")
    ledger: Mapped[str | None]
