"""Completed sign-ins."""

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt


class UsedSignIn(Base):
    """The state parameter of a completed sign-in, so that it works only once.

    Kept for as long as its cookie may still exist.
    """

    __tablename__ = "used_sign_ins"

    state_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("octet_length(state_sha256) = 32", name="state_sha256_length"),
        Index("ix_used_sign_ins_used_at", "used_at"),
    )
