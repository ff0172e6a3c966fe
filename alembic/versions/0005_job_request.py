"""The request that created a job, so that the log connects both

Adding the columns locks the table only briefly, because no row is rewritten. But waiting for the
lock would block all other transactions, so the migration waits for a moment only, and retries.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_COLUMNS = {"request_id": 100, "trace_id": 32}

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter(", ".join(f"ADD COLUMN {name} varchar({length})" for name, length in _COLUMNS.items()))


def downgrade() -> None:
    _alter(", ".join(f"DROP COLUMN {name}" for name in _COLUMNS))


def _alter(changes: str) -> None:
    connection = op.get_bind()
    # until this migration's transaction ends
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE jobs {changes}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning(
                "the table is in use, the migration tries again", extra={"table": "jobs"}
            )
            time.sleep(_PAUSE_S)
        else:
            break
