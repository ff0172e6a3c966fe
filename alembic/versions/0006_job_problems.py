"""What a sync left out and why; treadmills; time zones as Strava writes them

Columns are added with constant defaults, which writes no row. The table may be in use, so each
change waits for its lock for a moment only, again and again: 0005 says why.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_COLUMNS = {
    "activities": {"trainer": "boolean DEFAULT false NOT NULL", "timezone_text": "text"},
    "strava_connections": {"history_walked_at": "timestamp with time zone"},
}

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        _alter(table, [f"ADD COLUMN {name} {definition}" for name, definition in columns.items()])
    op.create_table(
        "job_problems",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("strava_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "code IN ('STRAVA_UNAUTHORIZED', 'STRAVA_SCOPE_MISSING', 'STRAVA_APP_INACTIVE',"
            " 'STRAVA_ATHLETE_LIMIT', 'STRAVA_RATE_LIMITED', 'STRAVA_UNAVAILABLE',"
            " 'STRAVA_BAD_DATA', 'CANCELLED', 'INTERNAL')",
            name=op.f("ck_job_problems_code"),
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_job_problems_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_problems_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_problems")),
        sa.UniqueConstraint("job_id", "strava_id", name=op.f("uq_job_problems_job_id_strava_id")),
    )
    op.create_index(op.f("ix_job_problems_athlete_id"), "job_problems", ["athlete_id"])


def downgrade() -> None:
    op.drop_table("job_problems")
    for table, columns in reversed(_COLUMNS.items()):
        _alter(table, [f"DROP COLUMN {name}" for name in columns])


def _alter(table: str, changes: list[str]) -> None:
    connection = op.get_bind()
    # until this migration's transaction ends
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE {table} {', '.join(changes)}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("the table is in use, the migration tries again", extra={"table": table})
            time.sleep(_PAUSE_S)
        else:
            break
