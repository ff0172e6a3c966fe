"""Counts of changes, from which versions of cached data are told. Triggers keep them (migration 0004)."""

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class DataChange(Base):
    """How many changes of any athlete's data a server process of PostgreSQL made; `slot` is made of its number.

    One row for all would make concurrent transactions wait for each other.
    """

    __tablename__ = "data_changes"

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(BigInteger)
