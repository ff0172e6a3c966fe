"""When each night's sync of everything was begun"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter("ADD COLUMN night_begun_at timestamp with time zone")


def downgrade() -> None:
    _alter("DROP COLUMN night_begun_at")


def _alter(change: str) -> None:
    """Change the table, which is in use: wait for its lock for a moment only, again and again."""
    connection = op.get_bind()
    # until this migration's transaction ends
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE strava_connections {change}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("strava_connections is in use, the migration tries again")
            time.sleep(_PAUSE_S)
        else:
            break
