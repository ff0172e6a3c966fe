"""When Strava last confirmed an activity

A column with a default that is computed once, which writes no row: what is there counts as confirmed
now. Its index is built while others read and write.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_INDEX = "ix_activities_confirmed_at"

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter("ADD COLUMN confirmed_at timestamptz DEFAULT now() NOT NULL")
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, "activities", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "activities",
            ["confirmed_at"],
            postgresql_where=sa.text("source = 'STRAVA'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    _alter("DROP COLUMN confirmed_at")


def _alter(changes: str) -> None:
    connection = op.get_bind()
    # until this migration's transaction ends
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE activities {changes}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("activities are in use, the migration tries again")
            time.sleep(_PAUSE_S)
        else:
            break
