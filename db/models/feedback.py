"""What users say about the service."""

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, PrimaryKey


class Feedback(Base):
    """One message. `contact` is how to answer, as the sender wrote it."""

    __tablename__ = "feedback"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    message: Mapped[str]
    contact: Mapped[str | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("length(message) BETWEEN 1 AND 5000", name="message_length"),
        CheckConstraint("length(contact) BETWEEN 1 AND 200", name="contact_length"),
    )
