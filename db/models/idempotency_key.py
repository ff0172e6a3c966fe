"""Keys by which mutations recognize a repeated request."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt


class IdempotencyKey(Base):
    """A key that a mutation was sent with, and what the mutation made.

    `caller` is "account:" and its id, or "address:" and a keyed digest. `fingerprint` is a hash of
    the mutation's name and input; null for keys of versions before 0.3, which fit any input.
    `result_id` is the id of what was made, if it is no job. A key ends with the job it names.
    """

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    result_id: Mapped[BigId | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 200", name="key_length"),
        CheckConstraint("length(fingerprint) = 32", name="fingerprint_length"),
        Index("ix_idempotency_keys_job_id", "job_id"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )
