"""Ids of versions before 0.3, which told how many rows there were."""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.activity import Activity
from db.models.base import Base
from db.models.best_effort import BestEffort
from db.models.personal_best import PersonalBest


class OldId(Base):
    """The id that a row had before migration 0010, and the one it has since.

    `type_name` is a value of RENUMBERED. The row may have been deleted.
    """

    __tablename__ = "old_ids"

    type_name: Mapped[str] = mapped_column(primary_key=True)
    old_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    new_id: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_old_ids_new_id", "new_id"),)


RENUMBERED: Mapping[type[Base], str] = {
    Activity: "Activity",
    BestEffort: "BestEffort",
    PersonalBest: "BestEffort",
}
"""The models whose rows got new ids, and the `type_name` of these. A best has its effort's id."""
