"""Versions of cached data."""

from functools import cache

from sqlalchemy import Executable, func, select

_SLOTS = 1024
"""Of `data_changes`, as the trigger of `alembic/versions/0004_data_versions.py` has it."""

OF_ATHLETES_AND_ALL = """
    SELECT array_agg(id), array_agg(data_version), CASE WHEN (SELECT $2::boolean) THEN
    (SELECT coalesce(sum(changes), 0)::bigint FROM data_changes) END
    FROM athletes WHERE id = ANY(ARRAY(SELECT unnest($1::bigint[])))
"""
"""Statement in the driver's own form that reads the data versions of athletes, as one row.

Columns: the ids among $1 that exist; their versions in the same order (both null if none exists);
and, if $2 is true, the version of all data together. A version changes with each committed change,
and is visible together with it. While PostgreSQL plans, it sees neither value through its `SELECT`:
else it would plan anew each time, as a plan for a few ids, or without all, seems cheaper to it.
"""


@cache
def slot() -> Executable:
    """Select the row of `data_changes` that this connection writes.

    Of two transactions that write the same one, the second waits for the end of the first.
    """
    return select(func.pg_backend_pid() % _SLOTS)
