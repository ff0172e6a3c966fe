"""Limits of jobs' time, keys of mutations, and senders of feedback

The changes of `jobs` lock the table only briefly, because no row is rewritten, and each waits for
the lock for a moment only. Keys of the last day that jobs hold are carried over. On the way down
keys are lost, except those that jobs of older versions still hold.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_CODES = (
    "STRAVA_UNAUTHORIZED",
    "STRAVA_SCOPE_MISSING",
    "STRAVA_APP_INACTIVE",
    "STRAVA_ATHLETE_LIMIT",
    "STRAVA_RATE_LIMITED",
    "STRAVA_UNAVAILABLE",
    "STRAVA_BAD_DATA",
    "CANCELLED",
)
_NEW_COLUMNS = (
    "ADD COLUMN lease_renewed_at timestamptz, "
    "ADD COLUMN live_since timestamptz NOT NULL DEFAULT now(), "
    "ADD COLUMN queued_at timestamptz"
)
_CARRY_KEYS_OVER = """
    INSERT INTO idempotency_keys (caller, key, job_id, created_at)
    SELECT DISTINCT ON (account_id, idempotency_key)
        'account:' || account_id, idempotency_key, id, created_at
    FROM jobs
    WHERE idempotency_key IS NOT NULL AND account_id IS NOT NULL
        AND created_at > now() - interval '1 day'
    ORDER BY account_id, idempotency_key, id DESC
"""

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _alter("jobs", _NEW_COLUMNS)
    _allow_codes(*_CODES, "TIMED_OUT", "INTERNAL")
    _alter("feedback", "ADD COLUMN sender text")
    op.create_index("ix_feedback_sender", "feedback", ["sender", "created_at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("result_id", sa.BigInteger),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_idempotency_keys_job_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "length(key) BETWEEN 1 AND 200", name=op.f("ck_idempotency_keys_key_length")
        ),
        sa.CheckConstraint(
            "length(fingerprint) = 32", name=op.f("ck_idempotency_keys_fingerprint_length")
        ),
    )
    op.create_index("ix_idempotency_keys_job_id", "idempotency_keys", ["job_id"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.execute(_CARRY_KEYS_OVER)


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_index("ix_feedback_sender", "feedback")
    _alter("feedback", "DROP COLUMN sender")
    op.execute("UPDATE jobs SET error_code = 'INTERNAL' WHERE error_code = 'TIMED_OUT'")
    op.execute("UPDATE job_problems SET code = 'INTERNAL' WHERE code = 'TIMED_OUT'")
    _allow_codes(*_CODES, "INTERNAL")
    _alter("jobs", "DROP COLUMN lease_renewed_at, DROP COLUMN live_since, DROP COLUMN queued_at")


def _allow_codes(*codes: str) -> None:
    allowed = ", ".join(f"'{code}'" for code in codes)
    for table, column in (("jobs", "error_code"), ("job_problems", "code")):
        name = f"ck_{table}_{column}"
        _alter(
            table,
            f"DROP CONSTRAINT {name}, "
            f"ADD CONSTRAINT {name} CHECK ({column} IN ({allowed})) NOT VALID",
        )
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


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
