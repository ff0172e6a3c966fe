"""Browser sessions, ended and renewed one by one; used sign-ins; the creators of API tokens"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "generation_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_browser_sessions_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
    )
    op.create_index(
        "ix_browser_sessions_account_id", "browser_sessions", ["account_id"], unique=False
    )
    op.create_table(
        "used_sign_ins",
        sa.Column("state_sha256", sa.LargeBinary(), nullable=False),
        sa.Column(
            "used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "octet_length(state_sha256) = 32", name=op.f("ck_used_sign_ins_state_sha256_length")
        ),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_used_sign_ins")),
    )
    op.add_column("api_tokens", sa.Column("made_with_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_tokens_made_with_id"),
        "api_tokens",
        "api_tokens",
        ["made_with_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index("ix_api_tokens_made_with_id", "api_tokens", ["made_with_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_api_tokens_made_with_id", table_name="api_tokens")
    op.drop_column("api_tokens", "made_with_id")
    op.drop_table("used_sign_ins")
    op.drop_index("ix_browser_sessions_account_id", table_name="browser_sessions")
    op.drop_table("browser_sessions")
