"""PostgreSQL's backends: what each of them does now, and the end of a statement."""

from sqlalchemy import ARRAY, DateTime, Executable, Integer, Text, bindparam, text

_WHAT = "pid, backend_start, query_start, wait_event_type FROM pg_stat_activity"


def active() -> Executable:
    """Select what the backends with the process ids `keys` do that run a statement.

    Columns: the key; `pid`; `backend_start` and `query_start`; and `wait_event_type`, which is null
    for one that waits for nothing: it has a core or wants one.
    """
    return text(f"SELECT pid, {_WHAT} WHERE pid = ANY(:keys) AND state = 'active'").bindparams(
        bindparam("keys", type_=ARRAY(Integer))
    )


def active_by_name() -> Executable:
    """Select the same of backends whose connections have the names `keys`."""
    return text(
        f"SELECT application_name, {_WHAT} WHERE application_name = ANY(:keys) AND state = 'active'"
    ).bindparams(bindparam("keys", type_=ARRAY(Text)))


def own() -> Executable:
    """Select the process id of the backend that runs this."""
    return text("SELECT pg_backend_pid()")


def cancel() -> Executable:
    """Cancel the statement of the backend `pid` that began at `started`, if it still runs."""
    return text(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
        "WHERE pid = :pid AND state = 'active' AND query_start = :started"
    ).bindparams(bindparam("started", type_=DateTime(timezone=True)))
