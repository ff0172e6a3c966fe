"""Splits of activities

They are filled when efforts are derived again: by the workers after the upgrade, for all activities.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_RANGES = (
    "start_offset_s",
    "elapsed_time_s",
    "moving_time_s",
    "distance_m",
    "average_heart_rate_bpm",
    "level_distance_m",
)


def upgrade() -> None:
    op.create_table(
        "activity_splits",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("split_number", sa.Integer(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("start_offset_s", sa.Double(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=False),
        sa.Column("elapsed_time_s", sa.Double(), nullable=False),
        sa.Column("moving_time_s", sa.Double(), nullable=False),
        sa.Column("is_partial", sa.Boolean(), nullable=False),
        sa.Column("average_heart_rate_bpm", sa.Double()),
        sa.Column("elevation_change_m", sa.Double()),
        sa.Column("level_distance_m", sa.Double()),
        sa.PrimaryKeyConstraint("activity_id", "unit", "split_number", name="pk_activity_splits"),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name="fk_activity_splits_activity_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_activity_splits_athlete_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("unit IN ('KILOMETER', 'MILE')", name=op.f("ck_activity_splits_unit")),
        sa.CheckConstraint("split_number > 0", name=op.f("ck_activity_splits_split_number_range")),
        *(
            sa.CheckConstraint(
                f"{name} >= 0 AND {name} < 'Infinity'::float8",
                name=op.f(f"ck_activity_splits_{name}_range"),
            )
            for name in _RANGES
        ),
    )
    op.create_index("ix_activity_splits_athlete_id", "activity_splits", ["athlete_id"])
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON activity_splits "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rows()"
        )
    op.execute(
        "CREATE TRIGGER note_truncate AFTER TRUNCATE ON activity_splits "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
    )


def downgrade() -> None:
    op.drop_table("activity_splits")
