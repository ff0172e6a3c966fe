"""Events of Strava's webhook that are still to be applied

Events that wait at the moment of the way down are lost; the athletes' next syncs find most of what
they told.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    now = sa.text("now()")
    op.create_table(
        "strava_events",
        sa.Column("connection_id", sa.BigInteger, nullable=False),
        sa.Column("object_type", sa.Text, nullable=False),
        sa.Column("object_id", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("is_second_look", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.PrimaryKeyConstraint(
            "connection_id", "object_type", "object_id", name="pk_strava_events"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["strava_connections.id"],
            name="fk_strava_events_connection_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "object_type IN ('activity', 'athlete')", name=op.f("ck_strava_events_object_type")
        ),
    )
    op.create_index("ix_strava_events_due_at", "strava_events", ["due_at"])


def downgrade() -> None:
    op.drop_table("strava_events")
