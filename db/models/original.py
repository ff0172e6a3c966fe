"""The files that recordings were read from, as they came."""

from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    cast,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.base import Base, BigId, CreatedAt, Instant, PrimaryKey, not_negative, one_of


class OriginalPlace(Enum):
    """Where the bytes of an original are."""

    DATABASE = "DATABASE"
    FOLDER = "FOLDER"
    S3 = "S3"


class Original(Base):
    """A file with at least one imported activity (`ImportedFile`), kept as it came.

    `digest` is the SHA-256 of its content, unpacked, and `size_bytes` the length of that. It is
    stored with zstd, as `packed_bytes` bytes: in `content`, in a file in the folder of
    ORIGINALS_FOLDER, or in an object in ORIGINALS_S3_BUCKET, as `place` says. `listed` is what the
    list of an export told of it, null without a list. `rules_version` says by which rules its
    activities were derived last (`jobs/imports/rules_version.py`).
    """

    __tablename__ = "originals"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    file_name: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    packed_bytes: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[str]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    listed: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    rules_version: Mapped[int]
    created_at: Mapped[CreatedAt]

    size: Mapped[float] = column_property(cast(size_bytes, Double))
    sha256: Mapped[str] = column_property(func.encode(digest, "hex"))

    __table_args__ = (
        UniqueConstraint("athlete_id", "digest"),
        CheckConstraint("length(digest) = 32", name="digest_length"),
        CheckConstraint("(content IS NULL) = (place <> 'DATABASE')", name="content_in_place"),
        one_of("place", OriginalPlace),
        *not_negative("size_bytes", "packed_bytes"),
    )


class OriginalRemoval(Base):
    """A file of an original, outside of the database, that is to be deleted at `due_at`.

    A trigger writes it as the original is deleted. It is also written before the file itself, and
    withdrawn by the transaction that makes the original. `failures` are the tries that failed.
    """

    __tablename__ = "original_removals"

    original_id: Mapped[BigId] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[Instant] = mapped_column(server_default=func.now())
    failures: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (
        one_of("place", OriginalPlace),
        Index("ix_original_removals_due_at", "due_at"),
    )


class OriginalRoom(Base):
    """The bytes that an athlete's originals take, compressed: the sum of their `packed_bytes`.

    Triggers keep it, so that an import need not add up all of them with each file.
    """

    __tablename__ = "original_rooms"

    athlete_id: Mapped[BigId] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    bytes: Mapped[BigId]
