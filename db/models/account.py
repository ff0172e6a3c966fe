"""Accounts: who may sign in, and as which athlete; the sessions of their browsers; API tokens that act for them."""

from enum import StrEnum

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, quoted


class Scope(StrEnum):
    """What a caller may do. A session has all that its account has; an API token what it was made with."""

    READ = "read"
    SYNC = "sync"
    ADMIN = "admin"


class Account(Base):
    """Who may sign in. `session_epoch` is part of every session: raising it ends all sessions of the account."""

    __tablename__ = "accounts"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int | None] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"), unique=True)
    is_admin: Mapped[bool] = mapped_column(server_default="false")
    session_epoch: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    last_signed_in_at: Mapped[Instant | None]


class BrowserSession(Base):
    """One sign-in of one browser. Its cookie carries `id` and a generation; deleting the row ends it.

    A cookie that is renewed gets the next generation. `generation` is the highest that came back, at
    `generation_since`: a cookie of an older one works for a moment longer, and then no more.
    """

    __tablename__ = "browser_sessions"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    generation: Mapped[int] = mapped_column(server_default="0")
    generation_since: Mapped[CreatedAt]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Instant]

    __table_args__ = (Index("ix_browser_sessions_account_id", "account_id"),)


class UsedSignIn(Base):
    """The state of a sign-in that came back from Strava: it works once. Kept as long as its cookie might be."""

    __tablename__ = "used_sign_ins"

    state_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[CreatedAt]

    __table_args__ = (CheckConstraint("octet_length(state_sha256) = 32", name="state_sha256_length"),)


class ApiToken(Base):
    """A bearer token. Of the secret only the SHA-256 is kept, and its first characters to recognise it by.

    `made_with_id` is the token that made it, None for a session: it is revoked together with that one.
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
    made_with_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id", ondelete="SET NULL"))

    __table_args__ = (
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256_length"),
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint(f"scopes <@ ARRAY[{quoted(Scope)}] AND cardinality(scopes) > 0", name="scopes"),
        Index("ix_api_tokens_account_id", "account_id"),
        Index("ix_api_tokens_made_with_id", "made_with_id"),
    )
