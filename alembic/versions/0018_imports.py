"""Imports as jobs: uploads, and what became of each file

On the way down jobs of the new kind are deleted, with their reports. Files of uploads stay in their
folder; they may be deleted.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_KINDS = (
    "STRAVA_SYNC",
    "STRAVA_WEBHOOK",
    "STRAVA_DISCONNECT",
    "PERSONAL_BESTS",
    "AGE_GRADES",
    "ERASE_ATHLETE",
)
_RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {2**62 - 1} | {2**62}"
)

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _allow_kinds(*_KINDS, "IMPORT")
    _alter("imported_files", "ADD COLUMN of_file integer")
    op.create_table(
        "uploads",
        _id(),
        _reference("athlete_id", nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("received_bytes", sa.BigInteger, server_default="0", nullable=False),
        _reference("job_id", nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        _key("uploads", "athlete_id", "athletes", "CASCADE"),
        _key("uploads", "job_id", "jobs", "SET NULL"),
        sa.CheckConstraint(
            "size_bytes > 0 AND received_bytes BETWEEN 0 AND size_bytes",
            name=op.f("ck_uploads_received"),
        ),
    )
    for column in ("athlete_id", "job_id", "expires_at"):
        op.create_index(f"ix_uploads_{column}", "uploads", [column])
    op.create_table(
        "import_entries",
        _id(),
        _reference("job_id", nullable=False),
        _reference("athlete_id", nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        _reference("activity_id", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_import_entries"),
        _key("import_entries", "job_id", "jobs", "CASCADE"),
        _key("import_entries", "athlete_id", "athletes", "CASCADE"),
        _key("import_entries", "activity_id", "activities", "SET NULL"),
        sa.UniqueConstraint("job_id", "position", name="uq_import_entries_job_id_position"),
        sa.CheckConstraint(
            "outcome IN ('IMPORTED', 'SAME_AS', 'UPDATED', 'SKIPPED', 'FAILED')",
            name=op.f("ck_import_entries_outcome"),
        ),
    )
    for column in ("athlete_id", "activity_id"):
        op.create_index(f"ix_import_entries_{column}", "import_entries", [column])


def downgrade() -> None:
    op.drop_table("import_entries")
    op.drop_table("uploads")
    _alter("imported_files", "DROP COLUMN of_file")
    op.execute("DELETE FROM jobs WHERE kind = 'IMPORT'")
    _allow_kinds(*_KINDS)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, server_default=sa.text(_RANDOM_ID), nullable=False)


def _reference(name: str, *, nullable: bool) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _key(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _allow_kinds(*kinds: str) -> None:
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    _alter(
        "jobs",
        "DROP CONSTRAINT ck_jobs_kind, "
        f"ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ({allowed})) NOT VALID",
    )
    op.execute("ALTER TABLE jobs VALIDATE CONSTRAINT ck_jobs_kind")


def _alter(table: str, changes: str) -> None:
    connection = op.get_bind()
    # until this migration's transaction ends
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE {table} {changes}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("the table is in use, the migration tries again", extra={"table": table})
            time.sleep(_PAUSE_S)
        else:
            break
