"""Athletes whose connection ended, and something of theirs stayed: they find it when they return"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_connections",
        sa.Column("athlete_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("strava_athlete_id", sa.BigInteger, nullable=False),
        sa.Column(
            "ended_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("athlete_id", name=op.f("pk_former_connections")),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_former_connections_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "strava_athlete_id", name=op.f("uq_former_connections_strava_athlete_id")
        ),
    )


def downgrade() -> None:
    op.drop_table("former_connections")
