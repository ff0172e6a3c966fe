"""Accounts."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey


class Account(Base):
    """A user that can sign in.

    Every session cookie contains `session_epoch`; raising it ends all sessions of the account.
    """

    __tablename__ = "accounts"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int | None] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), unique=True
    )
    is_admin: Mapped[bool] = mapped_column(server_default="false")
    session_epoch: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    last_signed_in_at: Mapped[Instant | None]
