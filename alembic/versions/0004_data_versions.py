"""Versions of cached data: one for each athlete's data, and one for all data"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("activities", "best_efforts", "personal_bests")

# Versions grow with the clock, so that a database restored from a backup does not repeat one.
_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_OF_ATHLETE = f"""
    CREATE FUNCTION next_data_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.data_version := greatest(NEW.data_version + 1, {_CLOCK});
        RETURN NEW;
    END $$
"""
# The update itself fires the trigger above, and the one that counts changes of all data.
_OF_ROWS = """
    CREATE FUNCTION note_changed_rows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE athletes SET data_version = data_version WHERE id IN (SELECT athlete_id FROM changed);
        RETURN NULL;
    END $$
"""
# A truncated table does not reveal the athletes of its rows.
_OF_TABLE = """
    CREATE FUNCTION note_emptied_table() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE athletes SET data_version = data_version;
        RETURN NULL;
    END $$
"""
# A row for each server process, so that concurrent transactions do not wait for each other.
_OF_ALL = f"""
    CREATE FUNCTION note_changed_athletes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO data_changes (slot, changes) VALUES (pg_backend_pid() % 1024, {_CLOCK})
        ON CONFLICT (slot) DO UPDATE SET changes = greatest(data_changes.changes + 1, {_CLOCK});
        RETURN NULL;
    END $$
"""  # noqa: S608 - made of the constant above


def upgrade() -> None:
    op.add_column(
        "athletes", sa.Column("data_version", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_table(
        "data_changes",
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_data_changes")),
    )
    for function in (_OF_ATHLETE, _OF_ROWS, _OF_TABLE, _OF_ALL):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER next_data_version BEFORE INSERT OR UPDATE ON athletes "
        "FOR EACH ROW EXECUTE FUNCTION next_data_version()"
    )
    op.execute(
        "CREATE TRIGGER note_changed_athletes "
        "AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON athletes "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_athletes()"
    )
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
    op.execute("UPDATE athletes SET data_version = data_version")
    op.execute(
        f"INSERT INTO data_changes (slot, changes) "  # noqa: S608
        f"VALUES (0, {_CLOCK}) ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    for table in _TABLES:
        for event in ("insert", "update", "delete", "truncate"):
            op.execute(f"DROP TRIGGER note_{event} ON {table}")
    op.execute("DROP TRIGGER note_changed_athletes ON athletes")
    op.execute("DROP TRIGGER next_data_version ON athletes")
    for function in (
        "note_changed_athletes",
        "note_emptied_table",
        "note_changed_rows",
        "next_data_version",
    ):
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_table("data_changes")
    op.drop_column("athletes", "data_version")
