"""What athletes edit and delete here, which no later sync or import overwrites or brings back

Columns with constant defaults, which write no row. The tables may be in use, so each change waits
for its lock for a moment only, again and again: 0005 says why. Each is committed before the next, so
that no table is locked while another is waited for, or while rows are checked. An interrupted
migration begins again, so each change may find itself done.
"""

import logging
import time
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_VISIBILITIES = "'EVERYONE', 'FOLLOWERS_ONLY', 'ONLY_ME'"

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter(
        "activities",
        "ADD COLUMN IF NOT EXISTS edited text[] DEFAULT '{}' NOT NULL, "
        "ADD COLUMN IF NOT EXISTS excluded boolean DEFAULT false NOT NULL, "
        "ADD COLUMN IF NOT EXISTS notes text, "
        "ADD COLUMN IF NOT EXISTS source_visibility text, "
        "DROP CONSTRAINT IF EXISTS ck_activities_source_visibility, "
        "DROP CONSTRAINT IF EXISTS ck_activities_hidden_from_others, "
        "ADD CONSTRAINT ck_activities_source_visibility "
        f"CHECK (source_visibility IN ({_VISIBILITIES})) NOT VALID, "
        "ADD CONSTRAINT ck_activities_hidden_from_others "
        "CHECK (source_visibility IS NULL OR visibility = 'ONLY_ME') NOT VALID",
    )
    for name in ("source_visibility", "hidden_from_others"):
        _validate("activities", f"ck_activities_{name}")
    _alter("gear", "ADD COLUMN IF NOT EXISTS edited text[] DEFAULT '{}' NOT NULL")
    _patiently("athletes", _create_deleted_activities)
    key = "fk_imported_files_deleted_activity_id"
    _alter(
        "imported_files",
        "ALTER COLUMN activity_id DROP NOT NULL, "
        "ADD COLUMN IF NOT EXISTS deleted_activity_id bigint, "
        f"DROP CONSTRAINT IF EXISTS {key}, "
        "DROP CONSTRAINT IF EXISTS ck_imported_files_of_one_activity, "
        f"ADD CONSTRAINT {key} FOREIGN KEY (deleted_activity_id) "
        "REFERENCES deleted_activities (id) ON DELETE CASCADE NOT VALID, "
        "ADD CONSTRAINT ck_imported_files_of_one_activity "
        "CHECK (num_nonnulls(activity_id, deleted_activity_id) = 1) NOT VALID",
    )
    for name in (key, "ck_imported_files_of_one_activity"):
        _validate("imported_files", name)
    index = "ix_imported_files_deleted_activity_id"
    with op.get_context().autocommit_block():
        op.drop_index(index, "imported_files", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            index, "imported_files", ["deleted_activity_id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    op.execute("DELETE FROM imported_files WHERE activity_id IS NULL")
    _alter(
        "imported_files",
        "DROP COLUMN IF EXISTS deleted_activity_id, ALTER COLUMN activity_id SET NOT NULL",
    )
    op.drop_table("deleted_activities", if_exists=True)
    _alter("gear", "DROP COLUMN IF EXISTS edited")
    _alter(
        "activities",
        "DROP COLUMN IF EXISTS edited, DROP COLUMN IF EXISTS excluded, "
        "DROP COLUMN IF EXISTS notes, DROP COLUMN IF EXISTS source_visibility",
    )


def _create_deleted_activities() -> None:
    op.create_table(
        "deleted_activities",
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("strava_id", sa.BigInteger),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deleted_activities"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_deleted_activities_athlete_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "athlete_id", "strava_id", name="uq_deleted_activities_athlete_id_strava_id"
        ),
        if_not_exists=True,
    )


def _validate(table: str, constraint: str) -> None:
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")


def _alter(table: str, changes: str) -> None:
    _patiently(table, lambda: op.execute(f"ALTER TABLE {table} {changes}"))


def _patiently(table: str, change: Callable[[], object]) -> None:
    """Make a change that locks the table, and commit it."""
    connection = op.get_bind()
    # until the commit
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                change()
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("the table is in use, the migration tries again", extra={"table": table})
            time.sleep(_PAUSE_S)
        else:
            break
    with op.get_context().autocommit_block():
        pass  # entering it commits
