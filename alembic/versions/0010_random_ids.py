# ruff: noqa: S608 - names of tables and columns, from this file or PostgreSQL's catalog
"""Random ids: those of older versions told how many rows there were, hidden ones included

Activities, best efforts and personal bests, which other athletes may see, get new ids; `old_ids`
keeps the old ones. All that refers to them follows, also foreign keys of other tables. This
rewrites these tables in one transaction, and requests for them wait: 15 s for 200,000 activities
with 8,000 efforts. All other rows keep their ids, and only new ones are random.

On the way down the rows get their old ids back. Rows that are newer keep their random ids, which
older versions accept.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TRIES = 60
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

_FIRST_RANDOM_ID = 2**62
_RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {_FIRST_RANDOM_ID - 1} | {_FIRST_RANDOM_ID}"
)
_NUMBERED = (
    "athletes", "accounts", "activities", "api_tokens", "best_efforts", "browser_sessions",
    "feedback", "jobs", "strava_connections",
)  # fmt: skip
_RENUMBERED = {"activities": "Activity", "best_efforts": "BestEffort"}
# Where rows are equal otherwise, the lower id stands first: which recording of a run counts for
# others, and which of two equal efforts. So the ids of such rows keep their order.
_TIES = {
    "activities": "coalesce(duplicate_of_id, id)",
    "best_efforts": "(athlete_id, distance, achieved_at, elapsed_s)",
}
_DRAW = """
    WITH drawn AS MATERIALIZED (
        SELECT id, {random_id} AS new_id, {ties} AS tie FROM {table} WHERE id < {first}
    )
    INSERT INTO old_ids (type_name, old_id, new_id)
    SELECT '{type_name}', old.id, new.new_id
    FROM (SELECT id, tie, row_number() OVER (PARTITION BY tie ORDER BY id) AS place
          FROM drawn) AS old
    JOIN (SELECT new_id, tie, row_number() OVER (PARTITION BY tie ORDER BY new_id) AS place
          FROM drawn) AS new USING (tie, place)
"""
_FOREIGN_KEYS = """
    SELECT conrelid::regclass::text AS child, attname AS "column", conname AS name,
        confrelid::regclass::text AS parent, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
    WHERE contype = 'f' AND confrelid IN (
        'activities'::regclass, 'best_efforts'::regclass, 'personal_bests'::regclass)
    ORDER BY 1, 3
"""
_ABOVE_ALL_IDS = 2**63 - 1

logger = logging.getLogger("pacegraph.migration")


def upgrade() -> None:
    op.create_table(
        "old_ids",
        sa.Column("type_name", sa.Text(), nullable=False),
        sa.Column("old_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("new_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("type_name", "old_id", name=op.f("pk_old_ids")),
    )
    _lock()
    for table in _NUMBERED:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP IDENTITY")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT ({_RANDOM_ID})")
    for table, type_name in _RENUMBERED.items():
        op.execute(
            _DRAW.format(
                table=table,
                type_name=type_name,
                ties=_TIES[table],
                random_id=_RANDOM_ID,
                first=_FIRST_RANDOM_ID,
            )
        )
    op.create_index("ix_old_ids_new_id", "old_ids", ["new_id"])
    op.create_index("ix_athletes_created_at", "athletes", ["created_at", "id"])
    op.execute("ANALYZE old_ids")
    _renumber("old_id", "new_id")


def downgrade() -> None:
    _lock()
    op.drop_index("ix_athletes_created_at", "athletes")
    _renumber("new_id", "old_id")
    for table in _NUMBERED:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY")
        op.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} "
            f"WHERE id < {_FIRST_RANDOM_ID}"
        )
    op.drop_table("old_ids")


def _renumber(before: str, after: str) -> None:
    """Give the rows their new ids, and all that refers to them."""
    connection = op.get_bind()
    keys = connection.exec_driver_sql(_FOREIGN_KEYS).all()
    columns: dict[str, dict[str, str]] = {table: {"id": of} for table, of in _RENUMBERED.items()}
    for key in keys:
        op.execute(f'ALTER TABLE {key.child} DROP CONSTRAINT "{key.name}"')
        of = _RENUMBERED.get(key.parent, "BestEffort")  # a personal best has its effort's id
        columns.setdefault(key.child, {})[key.column] = of
    if _has_table("legacy.ids"):
        _update("legacy.ids", {"new_id": "Activity"}, before, after, "t.kind = 'activity' AND ")
    for table, ids in columns.items():
        _update(table, ids, before, after)
    for key in keys:
        op.execute(f'ALTER TABLE {key.child} ADD CONSTRAINT "{key.name}" {key.definition}')
    # A recalculation that was interrupted begins its walk over the activities again.
    op.execute(
        f"UPDATE jobs SET checkpoint = jsonb_set(checkpoint, '{{below_id}}', '{_ABOVE_ALL_IDS}') "
        "WHERE checkpoint ? 'below_id'"
    )
    for table in columns:
        op.execute(f"ANALYZE {table}")


def _update(
    table: str, columns: Mapping[str, str], before: str, after: str, condition: str = ""
) -> None:
    found = {
        column: f"(SELECT {after} FROM old_ids WHERE type_name = '{of}' AND {before} = t.{column})"
        for column, of in columns.items()
    }
    values = ", ".join(f"{column} = coalesce({new}, {column})" for column, new in found.items())
    is_small = "<" if before == "old_id" else ">="
    any_changes = " OR ".join(f"t.{column} {is_small} {_FIRST_RANDOM_ID}" for column in columns)
    op.execute(f"UPDATE {table} t SET {values} WHERE {condition}({any_changes})")


def _has_table(name: str) -> bool:
    found: Any = op.get_bind().exec_driver_sql(f"SELECT to_regclass('{name}') IS NOT NULL")
    return bool(found.scalar_one())


def _lock() -> None:
    """Lock the tables. Waits a moment for the lock, so that requests behind it do not wait."""
    connection = op.get_bind()
    tables = ", ".join((*_NUMBERED, "personal_bests", "activity_streams", "job_problems"))
    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        except sa.exc.OperationalError as error:
            if not tries_left or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("tables are in use, the migration tries again")
            time.sleep(_PAUSE_S)
        else:
            break
