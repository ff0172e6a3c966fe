"""Levels of detail of streams, for charts of few points

Streams from before get theirs when they are derived again, by the athlete's next sync or a
recalculation.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_OF_STREAMS = """
    CREATE FUNCTION note_changed_streams() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE athletes SET data_version = data_version WHERE id IN (
            SELECT athlete_id FROM activities WHERE id IN (SELECT activity_id FROM changed)
        );
        RETURN NULL;
    END $$
"""
# Workers of the version before, which may still run, write samples and know of no levels.
_FORGET_LEVELS = """
    CREATE FUNCTION forget_stream_levels() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.samples <> OLD.samples AND NEW.marks = OLD.marks THEN
            NEW.marks := NULL;
            DELETE FROM activity_stream_levels WHERE activity_id = NEW.activity_id;
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    op.add_column("activity_streams", sa.Column("marks", sa.LargeBinary(), nullable=True))
    op.create_table(
        "activity_stream_levels",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("samples", sa.LargeBinary(), nullable=False),
        sa.Column("positions", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activity_streams.activity_id"],
            name=op.f("fk_activity_stream_levels_activity_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("activity_id", "points", name=op.f("pk_activity_stream_levels")),
    )
    # What is compressed already is not compressed again.
    for table, column in (
        ("activity_streams", "marks"),
        ("activity_stream_levels", "samples"),
        ("activity_stream_levels", "positions"),
    ):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    op.execute(_OF_STREAMS)
    op.execute(_FORGET_LEVELS)
    op.execute(
        "CREATE TRIGGER forget_stream_levels BEFORE UPDATE ON activity_streams "
        "FOR EACH ROW EXECUTE FUNCTION forget_stream_levels()"
    )
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON activity_streams "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_streams()"
        )
    op.execute(
        "CREATE TRIGGER note_truncate AFTER TRUNCATE ON activity_streams "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
    )


def downgrade() -> None:
    op.drop_table("activity_stream_levels")
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER note_{event} ON activity_streams")
    op.execute("DROP TRIGGER forget_stream_levels ON activity_streams")
    for function in ("note_changed_streams", "forget_stream_levels"):
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_column("activity_streams", "marks")
