"""Receipts of connections to Strava that ended, without personal data"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_COUNTS = ("activities", "streams", "best_efforts", "personal_bests")
_RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {2**62 - 1} | {2**62}"
)


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger, server_default=sa.text(_RANDOM_ID), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("is_data_kept", sa.Boolean, nullable=False),
        sa.Column("is_revoked", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.CheckConstraint("cause IN ('ASKED', 'REVOKED')", name=op.f("ck_erasures_cause")),
        *(
            sa.CheckConstraint(
                f"{name} >= 0 AND {name} < 'Infinity'::float8",
                name=op.f(f"ck_erasures_{name}_range"),
            )
            for name in _COUNTS
        ),
    )


def downgrade() -> None:
    op.drop_table("erasures")
