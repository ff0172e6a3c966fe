"""Originals: the files that recordings were read from, as they came

On the way down originals in the database are lost. Those in ORIGINALS_FOLDER stay there, and nothing
tells any more what they are; they may be deleted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {2**62 - 1} | {2**62}"
)

# An original goes with the last activity that was read from it. Its file in ORIGINALS_FOLDER is
# deleted by the reconciler.
_REMOVE = """
    CREATE FUNCTION remove_needless_originals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM originals o USING gone g
        WHERE o.athlete_id = g.athlete_id AND o.digest = g.digest AND NOT EXISTS (
            SELECT FROM imported_files f
            WHERE f.athlete_id = o.athlete_id AND f.digest = o.digest
                AND f.activity_id IS NOT NULL
        );
        RETURN NULL;
    END
    $$
"""
_EVENTS = ("delete", "update")
_TRIGGER = """
    CREATE TRIGGER remove_needless_originals_{0} AFTER {0} ON imported_files
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION remove_needless_originals()
"""


def upgrade() -> None:
    op.create_table(
        "originals",
        sa.Column("id", sa.BigInteger, server_default=sa.text(_RANDOM_ID), nullable=False),
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("packed_bytes", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("listed", JSONB),
        sa.Column("rules_version", sa.Integer, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_originals"),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name="fk_originals_athlete_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("athlete_id", "digest", name="uq_originals_athlete_id_digest"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_originals_digest_length")),
        sa.CheckConstraint(
            "(content IS NULL) = (place <> 'DATABASE')",
            name=op.f("ck_originals_content_in_place"),
        ),
        sa.CheckConstraint("place IN ('DATABASE', 'FOLDER')", name=op.f("ck_originals_place")),
        *(
            sa.CheckConstraint(
                f"{column} >= 0 AND {column} < 'Infinity'::float8",
                name=op.f(f"ck_originals_{column}_range"),
            )
            for column in ("size_bytes", "packed_bytes")
        ),
    )
    # What is compressed already is not compressed again.
    op.execute("ALTER TABLE originals ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute(_REMOVE)
    for event in _EVENTS:
        op.execute(_TRIGGER.format(event))


def downgrade() -> None:
    for event in _EVENTS:
        op.execute(f"DROP TRIGGER remove_needless_originals_{event} ON imported_files")
    op.execute("DROP FUNCTION remove_needless_originals()")
    op.drop_table("originals")
