"""Heart rate zones, and the time at each heart rate

Times of older runs are filled when their efforts are derived again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_TABLES = ("heart_rate_zones", "activity_heart_rates")


def upgrade() -> None:
    op.create_table(
        "heart_rate_zones",
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("zone_number", sa.Integer(), nullable=False),
        sa.Column("lowest_bpm", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "athlete_id", "valid_from", "zone_number", name="pk_heart_rate_zones"
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_heart_rate_zones_athlete_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "zone_number BETWEEN 1 AND 10", name=op.f("ck_heart_rate_zones_zone_number_range")
        ),
        sa.CheckConstraint(
            "lowest_bpm BETWEEN 0 AND 250", name=op.f("ck_heart_rate_zones_lowest_bpm_range")
        ),
    )
    op.create_table(
        "activity_heart_rates",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("lowest_bpm", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.ARRAY(sa.Double()), nullable=False),
        sa.PrimaryKeyConstraint("activity_id", name="pk_activity_heart_rates"),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name="fk_activity_heart_rates_activity_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_activity_heart_rates_athlete_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_activity_heart_rates_athlete_id", "activity_heart_rates", ["athlete_id"])
    for table in _TABLES:
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            op.execute(
                f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON {table} "
                f"REFERENCING {rows} TABLE AS changed "
                "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rows()"
            )
        op.execute(
            f"CREATE TRIGGER note_truncate AFTER TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
        )


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
