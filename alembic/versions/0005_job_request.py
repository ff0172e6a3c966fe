"""Which request created a job, so that the log tells them as one

While the columns are added nobody can use the table: that takes a moment, for no row is written. It may have to wait
for a transaction, though, and everybody else would wait behind it; so it tries for a moment only, again and again.
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

_log = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter(", ".join(f"ADD COLUMN {name} varchar({length})" for name, length in _COLUMNS.items()))


def downgrade() -> None:
    _alter(", ".join(f"DROP COLUMN {name}" for name in _COLUMNS))


def _alter(changes: str) -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")  # until this migration's transaction ends
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"ALTER TABLE jobs {changes}")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            _log.warning("the table is in use, the migration tries again", extra={"table": "jobs"})
            time.sleep(_PAUSE_S)
        else:
            break
