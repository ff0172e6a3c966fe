"""Counters of changes; the versions of cached data are computed from them."""

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class DataChange(Base):
    """Counts changes to any athlete's data, by server process of PostgreSQL (`slot`).

    Triggers maintain it (migration 0004). The sum over all slots is the version of all data. With
    one row for all processes, concurrent transactions would wait for each other.
    """

    __tablename__ = "data_changes"

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(BigInteger)
