"""What only detailed activities tell: description, device, race, calories, laps

A downgrade drops them; after the next upgrade syncs ask Strava for them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_CHECK = "ck_activities_calories_kcal_range"
_RANGES = (
    "start_offset_s",
    "elapsed_time_s",
    "moving_time_s",
    "distance_m",
    "average_heart_rate_bpm",
)


def upgrade() -> None:
    is_race = sa.Column("is_race", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("activities", is_race, if_not_exists=True)
    for name, type_ in (
        ("description", sa.Text()),
        ("device_name", sa.Text()),
        ("calories_kcal", sa.Double()),
        ("details_at", sa.DateTime(timezone=True)),
        ("details_retry_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("activities", sa.Column(name, type_, nullable=True), if_not_exists=True)
    op.drop_constraint(op.f(_CHECK), "activities", if_exists=True)
    op.create_check_constraint(
        op.f(_CHECK),
        "activities",
        "calories_kcal >= 0 AND calories_kcal < 'Infinity'::float8",
        postgresql_not_valid=True,
    )
    # Checking all rows would hold the table's lock, so the change is committed first. Interrupted
    # after it, the migration begins again, hence IF EXISTS.
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE activities VALIDATE CONSTRAINT {_CHECK}")
    op.create_table(
        "activity_laps",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("lap_number", sa.Integer(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("start_offset_s", sa.Double(), nullable=False),
        sa.Column("elapsed_time_s", sa.Double(), nullable=False),
        sa.Column("moving_time_s", sa.Double()),
        sa.Column("distance_m", sa.Double()),
        sa.Column("average_heart_rate_bpm", sa.Double()),
        sa.PrimaryKeyConstraint("activity_id", "lap_number", name="pk_activity_laps"),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name="fk_activity_laps_activity_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name="fk_activity_laps_athlete_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("lap_number > 0", name=op.f("ck_activity_laps_lap_number_range")),
        *(
            sa.CheckConstraint(
                f"{name} >= 0 AND {name} < 'Infinity'::float8",
                name=op.f(f"ck_activity_laps_{name}_range"),
            )
            for name in _RANGES
        ),
    )
    op.create_index("ix_activity_laps_athlete_id", "activity_laps", ["athlete_id"])
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON activity_laps "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rows()"
        )
    op.execute(
        "CREATE TRIGGER note_truncate AFTER TRUNCATE ON activity_laps "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
    )


def downgrade() -> None:
    op.drop_table("activity_laps")
    for name in (
        "details_retry_at",
        "details_at",
        "calories_kcal",
        "device_name",
        "description",
        "is_race",
    ):
        op.drop_column("activities", name)
