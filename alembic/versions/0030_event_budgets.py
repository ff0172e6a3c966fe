"""Budgets of requests that events of Strava's webhook may cause in vain"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_budgets",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", name="pk_event_budgets"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_event_budgets_athlete_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("event_budgets")
