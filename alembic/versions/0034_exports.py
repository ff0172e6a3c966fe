"""Exports: archives of all data of an athlete

On the way down jobs of the new kind are deleted. Archives stay in their folder; they may be deleted.
"""

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_KINDS = (
    "STRAVA_SYNC",
    "STRAVA_WEBHOOK",
    "STRAVA_DISCONNECT",
    "PERSONAL_BESTS",
    "AGE_GRADES",
    "ERASE_ATHLETE",
    "IMPORT",
)
_RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {2**62 - 1} | {2**62}"
)

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    _allow_kinds(*_KINDS, "EXPORT")
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger, server_default=sa.text(_RANDOM_ID), nullable=False),
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("server_url", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, server_default="0", nullable=False),
        _instant("created_at", server_default=sa.func.now(), nullable=False),
        _instant("ready_at"),
        _instant("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        _key("athlete_id", "athletes"),
        _key("job_id", "jobs"),
        sa.UniqueConstraint("job_id", name="uq_exports_job_id"),
        sa.UniqueConstraint("token", name="uq_exports_token"),
        sa.CheckConstraint(
            "size_bytes >= 0 AND size_bytes < 'Infinity'::float8",
            name=op.f("ck_exports_size_bytes_range"),
        ),
        sa.CheckConstraint(
            "(ready_at IS NULL) = (expires_at IS NULL)", name=op.f("ck_exports_expires_when_ready")
        ),
    )
    op.create_index("ix_exports_athlete_id", "exports", ["athlete_id"])


def downgrade() -> None:
    op.drop_table("exports")
    op.execute("DELETE FROM jobs WHERE kind = 'EXPORT'")
    _allow_kinds(*_KINDS)


def _instant(name: str, *, nullable: bool = True, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, **options)  # type: ignore[arg-type]


def _key(column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_exports_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")


def _allow_kinds(*kinds: str) -> None:
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    _alter(
        "jobs",
        "DROP CONSTRAINT ck_jobs_kind, "
        f"ADD CONSTRAINT ck_jobs_kind CHECK (kind IN ({allowed})) NOT VALID",
    )
    op.execute("ALTER TABLE jobs VALIDATE CONSTRAINT ck_jobs_kind")


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
