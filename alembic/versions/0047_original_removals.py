"""Originals in S3, and files of originals that are to be deleted

On the way down originals in S3 are lost: their objects stay there, and nothing tells any more what
they are. `pacegraph move-originals --to database` takes them back before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_NOTE = """
    CREATE FUNCTION note_original_removals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO original_removals (original_id, place)
        SELECT id, place FROM gone WHERE place <> 'DATABASE'
        ON CONFLICT (original_id, place) DO UPDATE SET due_at = now();
        RETURN NULL;
    END
    $$
"""
_TRIGGER = """
    CREATE TRIGGER note_original_removals AFTER DELETE ON originals
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_original_removals()
"""
_PLACE = "ck_originals_place"


def upgrade() -> None:
    op.create_table(
        "original_removals",
        sa.Column("original_id", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("failures", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("original_id", "place", name="pk_original_removals"),
        sa.CheckConstraint(
            "place IN ('DATABASE', 'FOLDER', 'S3')", name=op.f("ck_original_removals_place")
        ),
    )
    op.create_index("ix_original_removals_due_at", "original_removals", ["due_at"])
    op.drop_constraint(op.f(_PLACE), "originals")
    op.create_check_constraint(op.f(_PLACE), "originals", "place IN ('DATABASE', 'FOLDER', 'S3')")
    op.execute(_NOTE)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER note_original_removals ON originals")
    op.execute("DROP FUNCTION note_original_removals()")
    op.execute("DELETE FROM originals WHERE place = 'S3'")
    op.drop_constraint(op.f(_PLACE), "originals")
    op.create_check_constraint(op.f(_PLACE), "originals", "place IN ('DATABASE', 'FOLDER')")
    op.drop_table("original_removals")
