"""Samples of old activities in a folder or in S3

On the way down the samples that are there are lost: `pacegraph move-samples --to database` takes
them back before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

_NOTE = """
    CREATE FUNCTION note_moved_samples_removals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO original_removals (original_id, place) SELECT file_id, place FROM gone
        ON CONFLICT (original_id, place) DO UPDATE SET due_at = now();
        RETURN NULL;
    END
    $$
"""
_ON_DELETE = """
    CREATE TRIGGER note_moved_samples_removals AFTER DELETE ON moved_samples
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_moved_samples_removals()
"""
_FORGET = """
    CREATE FUNCTION forget_moved_samples() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM moved_samples
        WHERE athlete_id = NEW.athlete_id AND activity_id = NEW.activity_id;
        RETURN NULL;
    END
    $$
"""
_ON_UPDATE = """
    CREATE TRIGGER forget_moved_samples AFTER UPDATE OF samples ON activity_streams
    FOR EACH ROW WHEN (OLD.samples = '' AND NEW.samples <> '')
    EXECUTE FUNCTION forget_moved_samples()
"""


def upgrade() -> None:
    op.create_table(
        "moved_samples",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("activity_id", sa.BigInteger, nullable=False),
        sa.Column("file_id", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("packed_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", "activity_id", name="pk_moved_samples"),
        sa.ForeignKeyConstraint(
            ["athlete_id", "activity_id"],
            ["activity_streams.athlete_id", "activity_streams.activity_id"],
            name="fk_moved_samples_athlete_id_activity_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_moved_samples_digest_length")),
        sa.CheckConstraint("place IN ('FOLDER', 'S3')", name=op.f("ck_moved_samples_place")),
        sa.CheckConstraint(
            "packed_bytes >= 0 AND packed_bytes < 'Infinity'::float8",
            name=op.f("ck_moved_samples_packed_bytes_range"),
        ),
    )
    op.create_index("ix_moved_samples_file_id", "moved_samples", ["file_id"])
    for statement in (_NOTE, _ON_DELETE, _FORGET, _ON_UPDATE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM activity_streams WHERE samples = ''")
    op.execute("DROP TRIGGER forget_moved_samples ON activity_streams")
    op.execute("DROP FUNCTION forget_moved_samples()")
    op.drop_table("moved_samples")
    op.execute("DROP FUNCTION note_moved_samples_removals()")
