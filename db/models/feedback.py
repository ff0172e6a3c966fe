"""What users say about the service."""

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, PrimaryKey


class Feedback(Base):
    """One message. `contact` is how to reply, as the sender wrote it.

    `sender` is as `caller` of IdempotencyKey; null for messages of versions before 0.3.
    """

    __tablename__ = "feedback"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    message: Mapped[str]
    contact: Mapped[str | None]
    sender: Mapped[str | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("length(message) BETWEEN 1 AND 5000", name="message_length"),
        CheckConstraint("length(contact) BETWEEN 1 AND 200", name="contact_length"),
        Index("ix_feedback_sender", "sender", "created_at"),
    )
