"""Streams to ask for again, refreshes under way, budgets of syncs, counts of bad answers

The changes of large tables lock them only briefly, because no row is rewritten, and each waits for
the lock for a moment only. On the way down, streams that are to be asked for again become PENDING.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_STATES = ("PENDING", "STORED", "ABSENT", "UNWANTED")

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter(
        "activities",
        "ADD COLUMN streams_tries integer NOT NULL DEFAULT 0, "
        "ADD COLUMN streams_retry_at timestamptz, "
        "ADD COLUMN streams_asked_by_job_id bigint",
    )
    _allow_states("PENDING", "STORED", "UNREAD", "ABSENT", "UNWANTED")
    _alter("strava_connections", "ADD COLUMN refreshing_until timestamptz")
    op.create_table(
        "sync_budgets",
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Double, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("athlete_id", name="pk_sync_budgets"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_sync_budgets_athlete_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "strava_troubles",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("kind", name="pk_strava_troubles"),
    )


def downgrade() -> None:
    op.drop_table("strava_troubles")
    op.drop_table("sync_budgets")
    _alter("strava_connections", "DROP COLUMN refreshing_until")
    op.execute("UPDATE activities SET streams_state = 'PENDING' WHERE streams_state = 'UNREAD'")
    _allow_states(*_STATES)
    _alter(
        "activities",
        "DROP COLUMN streams_tries, DROP COLUMN streams_retry_at, "
        "DROP COLUMN streams_asked_by_job_id",
    )


def _allow_states(*states: str) -> None:
    allowed, name = ", ".join(f"'{state}'" for state in states), "ck_activities_streams_state"
    _alter(
        "activities",
        f"DROP CONSTRAINT {name}, "
        f"ADD CONSTRAINT {name} CHECK (streams_state IN ({allowed})) NOT VALID",
    )
    op.execute(f"ALTER TABLE activities VALIDATE CONSTRAINT {name}")


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
