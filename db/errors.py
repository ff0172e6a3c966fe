"""Errors that pacegraph raises on purpose.

    PacegraphError                        the root; `str()` is fit for a log
    ├── DatabaseError
    │   ├── DatabaseBusy                  no connection came free within DATABASE_POOL_TIMEOUT_S
    │   ├── DatabaseUnavailable           PostgreSQL cannot be reached
    │   └── StatementTimeout              a statement ran into DATABASE_STATEMENT_TIMEOUT_MS
    ├── db.encryption.UndecipherableSecret
    ├── db.stream_codec.CorruptStreams
    ├── jobs.lease.LeaseLost, JobCancelled  a job's attempt has to stop (tree in the module)
    └── strava.errors.StravaError         all that can go wrong with Strava (tree in its module)

Foreign errors become one of these once, at the edge where they enter: the drivers' in `db/session.py`, HTTP's in
`strava/client.py`.
"""


class PacegraphError(Exception):
    """Base of every error that pacegraph raises on purpose."""


class DatabaseError(PacegraphError):
    """PostgreSQL did not do what was asked. `code` and `public_message` are fit for callers."""

    code = "DATABASE_UNAVAILABLE"
    public_message = "The server cannot reach its database just now. Try again shortly."


class DatabaseBusy(DatabaseError):  # noqa: N818 - the name says what is the case
    """No pooled connection came free in time."""

    code = "DATABASE_BUSY"
    public_message = "The server is busy: its database had no connection free in time. Try again shortly."

    def __init__(self, waited_s: float) -> None:
        super().__init__(
            f"no database connection came free within {waited_s:g} s; raise DATABASE_POOL_SIZE or lower the load"
        )
        self.waited_s = waited_s


class DatabaseUnavailable(DatabaseError):  # noqa: N818
    """PostgreSQL refused or lost the connection."""


class StatementTimeout(DatabaseError):  # noqa: N818
    """PostgreSQL cancelled a statement that ran too long."""

    code = "TIMEOUT"
    public_message = "The database took too long to answer this. Ask for less, or try again later."
