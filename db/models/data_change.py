"""Counts of changes, from which versions of cached data are told. Triggers keep them (migration 0004)."""

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class DataChange(Base):
    """Grows with each change of any athlete's data that a server process of PostgreSQL makes; `slot` is of its number.

    One row for all would make concurrent transactions wait for each other. Their sum is the version of all data.
    """

    __tablename__ = "data_changes"

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(BigInteger)
