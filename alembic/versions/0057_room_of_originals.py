"""The room that an athlete's originals take, kept by triggers

Until this commits, imports and deletions wait to write originals; they are read meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

_TAKE = """
    CREATE FUNCTION take_original_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO original_rooms AS room (athlete_id, bytes)
        SELECT athlete_id, sum(packed_bytes) FROM added GROUP BY athlete_id ORDER BY athlete_id
        ON CONFLICT (athlete_id) DO UPDATE SET bytes = room.bytes + EXCLUDED.bytes;
        RETURN NULL;
    END
    $$
"""
_GIVE_BACK = """
    CREATE FUNCTION give_back_original_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE original_rooms room SET bytes = room.bytes - freed.bytes
        FROM (SELECT athlete_id, sum(packed_bytes) AS bytes FROM gone GROUP BY athlete_id) freed
        WHERE room.athlete_id = freed.athlete_id;
        RETURN NULL;
    END
    $$
"""
_ON_INSERT = """
    CREATE TRIGGER take_original_room AFTER INSERT ON originals
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION take_original_room()
"""
_ON_DELETE = """
    CREATE TRIGGER give_back_original_room AFTER DELETE ON originals
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION give_back_original_room()
"""
_FILL = """
    INSERT INTO original_rooms (athlete_id, bytes)
    SELECT athlete_id, sum(packed_bytes) FROM originals GROUP BY athlete_id
"""
_TRIGGERS = ("take_original_room", "give_back_original_room")


def upgrade() -> None:
    op.create_table(
        "original_rooms",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", name="pk_original_rooms"),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name="fk_original_rooms_athlete_id", ondelete="CASCADE"
        ),
    )
    for statement in (_TAKE, _GIVE_BACK, _ON_INSERT, _ON_DELETE, _FILL):
        op.execute(statement)


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON originals")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("original_rooms")
