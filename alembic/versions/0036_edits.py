"""What athletes edit and delete here, which no later sync or import overwrites or brings back

Columns with constant defaults, which write no row. The tables may be in use, so each change waits
for its lock for a moment only, again and again: 0005 says why.
"""

import logging
import time

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
        "ADD COLUMN edited text[] DEFAULT '{}' NOT NULL, "
        "ADD COLUMN excluded boolean DEFAULT false NOT NULL, "
        "ADD COLUMN notes text, "
        "ADD COLUMN source_visibility text, "
        "ADD CONSTRAINT ck_activities_source_visibility "
        f"CHECK (source_visibility IN ({_VISIBILITIES})) NOT VALID, "
        "ADD CONSTRAINT ck_activities_hidden_from_others "
        "CHECK (source_visibility IS NULL OR visibility = 'ONLY_ME') NOT VALID",
    )
    for name in ("source_visibility", "hidden_from_others"):
        op.execute(f"ALTER TABLE activities VALIDATE CONSTRAINT ck_activities_{name}")
    _alter("gear", "ADD COLUMN edited text[] DEFAULT '{}' NOT NULL")
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
    )
    _alter(
        "imported_files",
        "ALTER COLUMN activity_id DROP NOT NULL, "
        "ADD COLUMN deleted_activity_id bigint CONSTRAINT fk_imported_files_deleted_activity_id "
        "REFERENCES deleted_activities (id) ON DELETE CASCADE, "
        "ADD CONSTRAINT ck_imported_files_of_one_activity "
        "CHECK (num_nonnulls(activity_id, deleted_activity_id) = 1) NOT VALID",
    )
    op.execute("ALTER TABLE imported_files VALIDATE CONSTRAINT ck_imported_files_of_one_activity")
    op.create_index(
        "ix_imported_files_deleted_activity_id", "imported_files", ["deleted_activity_id"]
    )


def downgrade() -> None:
    op.execute("DELETE FROM imported_files WHERE activity_id IS NULL")
    _alter(
        "imported_files", "DROP COLUMN deleted_activity_id, ALTER COLUMN activity_id SET NOT NULL"
    )
    op.drop_table("deleted_activities")
    _alter("gear", "DROP COLUMN edited")
    _alter(
        "activities",
        "DROP COLUMN edited, DROP COLUMN excluded, DROP COLUMN notes, DROP COLUMN source_visibility",
    )


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
