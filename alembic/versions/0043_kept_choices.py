"""Whether activities were hidden or excluded when they went, for when they come back."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_choices",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("strava_id", sa.BigInteger, nullable=False),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("excluded", sa.Boolean, nullable=False),
        sa.Column(
            "kept_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("athlete_id", "strava_id", name="pk_kept_choices"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_kept_choices_athlete_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("kept_choices")
