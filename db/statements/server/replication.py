"""Positions in PostgreSQL's write-ahead log, in bytes since its beginning.

A commit's position is below what `written` tells after it. A replica shows all commits up to the
position that it has replayed.
"""

from sqlalchemy import Executable, text

WRITTEN = (
    "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, system_identifier FROM "
    "pg_control_system()"
)
"""Statement in the driver's own form: the primary's position, and what names its data."""
REPLAYED = (
    "SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0')::bigint, system_identifier "
    "FROM pg_control_system()"
)
"""Statement in the driver's own form: whether it is a replica, its position (null if it never replayed
any), and what names its data.
"""


def written() -> Executable:
    """Select the primary's position now."""
    return text("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")


def primary() -> Executable:
    """Select what WRITTEN does."""
    return text(WRITTEN)


def replica() -> Executable:
    """Select what REPLAYED does."""
    return text(REPLAYED)


def has_written() -> Executable:
    """Select whether the transaction has written anything."""
    return text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
