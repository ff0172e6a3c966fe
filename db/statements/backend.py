"""PostgreSQL's backends: what each of them does now, and the end of a statement."""

from sqlalchemy import ARRAY, DateTime, Executable, Integer, bindparam, text


def active() -> Executable:
    """Select what the backends `pids` do that run a statement.

    Columns: `pid`; `backend_start` and `query_start`; and `wait_event_type`, which is null for one
    that waits for nothing: it has a core or wants one.
    """
    return text(
        "SELECT pid, backend_start, query_start, wait_event_type "
        "FROM pg_stat_activity WHERE pid = ANY(:pids) AND state = 'active'"
    ).bindparams(bindparam("pids", type_=ARRAY(Integer)))


def cancel() -> Executable:
    """Cancel the statement of the backend `pid` that began at `started`, if it still runs."""
    return text(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
        "WHERE pid = :pid AND state = 'active' AND query_start = :started"
    ).bindparams(bindparam("started", type_=DateTime(timezone=True)))
