"""API tokens, and the scopes that limit every caller."""

from enum import StrEnum

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, quoted


class Scope(StrEnum):
    """What a caller may do.

    A session has all scopes of its account; an API token has those it was created with.
    """

    READ = "read"
    SYNC = "sync"
    ADMIN = "admin"


class ApiToken(Base):
    """A bearer token. Only the SHA-256 of the secret and its first characters (a hint) are stored.

    `made_with_id` is the token that created this one, None if a session did. Revoking that token
    revokes this one too.
    """

    __tablename__ = "api_tokens"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str]
    hint: Mapped[str]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
    made_with_id: Mapped[int | None] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="SET NULL")
    )

    __table_args__ = (
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256_length"),
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint(
            f"scopes <@ ARRAY[{quoted(Scope)}] AND cardinality(scopes) > 0", name="scopes"
        ),
        Index("ix_api_tokens_account_id", "account_id"),
        Index("ix_api_tokens_made_with_id", "made_with_id"),
    )
