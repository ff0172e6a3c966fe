"""Renewals of browser sessions, counted; an index to find old sign-ins

No row is rewritten.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "browser_sessions",
        sa.Column("issued_generation", sa.Integer(), server_default="0", nullable=False),
    )
    op.add_column(
        "browser_sessions", sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index("ix_used_sign_ins_used_at", "used_sign_ins", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_used_sign_ins_used_at", table_name="used_sign_ins")
    op.drop_column("browser_sessions", "renewed_at")
    op.drop_column("browser_sessions", "issued_generation")
