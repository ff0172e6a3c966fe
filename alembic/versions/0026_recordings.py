"""The athlete's choice among the recordings of a run

A column with a constant default, which writes no row. The table may be in use, so the change waits
for its lock for a moment only, again and again: 0005 says why.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    # Checking all rows would hold the table's lock, so the change is committed first. Interrupted
    # after it, the migration begins again, hence IF EXISTS.
    _alter(
        "ADD COLUMN IF NOT EXISTS recording_choice text DEFAULT 'BY_RULES' NOT NULL, "
        "DROP CONSTRAINT IF EXISTS ck_activities_recording_choice, "
        "ADD CONSTRAINT ck_activities_recording_choice "
        "CHECK (recording_choice IN ('BY_RULES', 'CHOSEN', 'SEPARATE')) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE activities VALIDATE CONSTRAINT ck_activities_recording_choice")


def downgrade() -> None:
    _alter("DROP COLUMN recording_choice")


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
