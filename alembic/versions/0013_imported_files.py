"""Files that were imported"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_files",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("activity_id", sa.BigInteger, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("athlete_id", "digest", "place", name="pk_imported_files"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_imported_files_athlete_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name="fk_imported_files_activity_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_imported_files_digest_length")),
    )
    op.create_index("ix_imported_files_activity_id", "imported_files", ["activity_id"])


def downgrade() -> None:
    op.drop_table("imported_files")
