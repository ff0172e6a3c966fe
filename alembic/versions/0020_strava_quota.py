"""Strava's quota: PostgreSQL's copy of it, and what jobs wait for and expect of it"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_OF_JOBS = ("quota_until", "expected_at")


def upgrade() -> None:
    op.create_table(
        "strava_quotas",
        sa.Column("application", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("ledger", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("application", name="pk_strava_quotas"),
    )
    for name in _OF_JOBS:
        op.add_column("jobs", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in reversed(_OF_JOBS):
        op.drop_column("jobs", name)
    op.drop_table("strava_quotas")
