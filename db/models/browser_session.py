"""Browser sessions."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey


class BrowserSession(Base):
    """One sign-in of one browser; deleting the row ends it.

    Its cookie carries `id` and a generation. A renewed cookie gets the next generation;
    `issued_generation` is the highest given out, last at `renewed_at` (null: never). `generation`
    is the highest that a browser has sent back, first at `generation_since`. A cookie of an older
    generation that comes back long after that is in two hands, and ends the session.
    """

    __tablename__ = "browser_sessions"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    generation: Mapped[int] = mapped_column(server_default="0")
    generation_since: Mapped[CreatedAt]
    issued_generation: Mapped[int] = mapped_column(server_default="0")
    renewed_at: Mapped[Instant | None]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Instant]

    __table_args__ = (Index("ix_browser_sessions_account_id", "account_id"),)
