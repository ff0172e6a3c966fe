"""Samples have their athlete, and parts of an activity refer to it together with its athlete

So all rows of an athlete may lie together (docs/partitions.md), and none can be of one athlete's
activity and of another athlete. Versions before write samples without the athlete: a trigger fills
it in, also where others are switched off (`session_replication_role`). What is there is filled in
parts, each in a transaction of its own, while others read and write. A migration that was
interrupted goes on where it was.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_AT_ONCE = 10_000
_SAMPLES = ("activity_streams", "activity_stream_levels")
_KEYS = {"activities": "id", "activity_streams": "activity_id"}
"""Tables that others refer to, and what tells the rows of an athlete apart."""
_REFERRING = {
    "activity_heart_rates": "activities",
    "activity_laps": "activities",
    "activity_routes": "activities",
    "activity_splits": "activities",
    "activity_streams": "activities",
    "imported_files": "activities",
    "sync_problems": "activities",
    "activity_stream_levels": "activity_streams",
}
_FUNCTION = """
CREATE OR REPLACE FUNCTION fill_athlete_of_activity() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT  -- logical replication and pg_restore write with an empty one
AS $$ BEGIN
    NEW.athlete_id := (SELECT athlete_id FROM activities WHERE id = NEW.activity_id);
    RETURN NEW;
END $$
"""
_FILL = """
    WITH part AS (
        SELECT DISTINCT activity_id FROM {table}
        WHERE activity_id > :after ORDER BY activity_id LIMIT :at_once
    ), filled AS (
        UPDATE {table} t SET athlete_id = a.athlete_id FROM part JOIN activities a ON a.id = part.activity_id
        WHERE t.activity_id = part.activity_id AND t.athlete_id IS NULL
    )
    SELECT max(activity_id) FROM part
"""
# As in 0054.
_NOTE_CHANGED_STREAMS = """
    CREATE OR REPLACE FUNCTION note_changed_streams() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM athletes WHERE {of} AND xmin <> pg_current_xact_id()::xid
        ) THEN
            UPDATE athletes SET data_version = data_version WHERE {of};
        END IF;
        RETURN NULL;
    END $$
"""
_BY_KEY = "id IN (SELECT (SELECT athlete_id FROM activities WHERE id = activity_id) FROM changed)"
_EVENTS = (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table in _SAMPLES:
            op.add_column(table, sa.Column("athlete_id", sa.BigInteger()), if_not_exists=True)
        op.execute(_FUNCTION)
        # To fill the athlete in must not read the samples.
        _forget_levels(of="OF samples ")
        for table in _SAMPLES:
            op.execute(
                f"CREATE OR REPLACE TRIGGER fill_athlete BEFORE INSERT ON {table} FOR EACH ROW "
                "WHEN (NEW.athlete_id IS NULL) EXECUTE FUNCTION fill_athlete_of_activity()"
            )
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER fill_athlete")
            _fill(table)
            _forbid_null(table)
        for table, column in _KEYS.items():
            _add_key(table, column)
        for name, table, referred in _references():
            key = _KEYS[referred]
            _refer(name, table, ["athlete_id", "activity_id"], referred, ["athlete_id", key])
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS fk_{table}_activity_id")
        _note("note_changed_rows")
        op.execute("DROP FUNCTION IF EXISTS note_changed_streams()")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(_NOTE_CHANGED_STREAMS.format(of=_BY_KEY))
        _note("note_changed_streams")
        for name, table, referred in _references():
            former = f"fk_{table}_activity_id"
            _refer(former, table, ["activity_id"], referred, [_KEYS[referred]])
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        for table, column in _KEYS.items():
            op.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS uq_{table}_athlete_id_{column}"
            )
        for table in _SAMPLES:
            op.execute(f"DROP TRIGGER IF EXISTS fill_athlete ON {table}")
            op.drop_column(table, "athlete_id", if_exists=True)
        _forget_levels(of="")
        op.execute("DROP FUNCTION IF EXISTS fill_athlete_of_activity()")


def _fill(table: str) -> None:
    fill = sa.text(_FILL.format(table=table))
    after: int | None = -(2**63)
    while after is not None:
        after = op.get_bind().execute(fill, {"after": after, "at_once": _AT_ONCE}).scalar()


def _forbid_null(table: str) -> None:
    """A check that holds already lets PostgreSQL forbid null without a look at the rows."""
    name = f"ck_{table}_athlete_id_given"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (athlete_id IS NOT NULL) NOT VALID"
    )
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    op.execute(f"ALTER TABLE {table} ALTER COLUMN athlete_id SET NOT NULL")
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def _add_key(table: str, column: str) -> None:
    name = f"uq_{table}_athlete_id_{column}"
    is_there = sa.text("SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = :name)")
    if op.get_bind().execute(is_there, {"name": name}).scalar():
        return
    op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
    op.create_index(name, table, ["athlete_id", column], unique=True, postgresql_concurrently=True)
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")


def _references() -> Iterator[tuple[str, str, str]]:
    for table, referred in _REFERRING.items():
        yield f"fk_{table}_athlete_id_activity_id", table, referred


def _refer(name: str, table: str, columns: list[str], referred: str, to: list[str]) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({', '.join(columns)}) "
        f"REFERENCES {referred} ({', '.join(to)}) ON DELETE CASCADE NOT VALID"
    )
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _forget_levels(*, of: str) -> None:
    op.execute(
        f"CREATE OR REPLACE TRIGGER forget_stream_levels BEFORE UPDATE {of}ON activity_streams "
        "FOR EACH ROW EXECUTE FUNCTION forget_stream_levels()"
    )


def _note(function: str) -> None:
    for event, rows in _EVENTS:
        op.execute(
            f"CREATE OR REPLACE TRIGGER note_{event.lower()} AFTER {event} ON activity_streams "
            f"REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
