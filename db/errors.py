"""Errors of the database.

    runtime.errors.PacegraphError
    └── DatabaseError
        ├── DatabaseBusy                  no connection came free within DATABASE_POOL_TIMEOUT_S
        ├── TransactionConflict           others' work made PostgreSQL roll the transaction back
        ├── StatementOutdated             a prepared statement no longer fits the server
        ├── DatabaseUnavailable           PostgreSQL cannot be reached
        │   └── DatabaseReadOnly          the server is a standby, or is set to read only
        ├── ReplicaLost                   a replica cannot be read; the primary is to be asked
        └── StatementTimeout              a statement ran into DATABASE_STATEMENT_TIMEOUT_MS

`db/session.py` turns the drivers' errors into these.
"""

from runtime.errors import PacegraphError


class DatabaseError(PacegraphError):
    """PostgreSQL did not do what was asked. `code` and `public_message` may be shown to callers.

    `is_transient`: the same work may succeed if it is retried at once or a moment later.
    `is_written`: False if the transaction was rolled back; None if the connection was lost during
    the commit, so that the outcome is unknown.
    """

    is_transient = False
    is_written: bool | None = False
    code = "DATABASE_UNAVAILABLE"
    public_message = "The server cannot reach its database just now. Try again shortly."


class DatabaseBusy(DatabaseError):
    """No pooled connection came free in time."""

    code = "DATABASE_BUSY"
    public_message = (
        "The server is busy: no database connection was free in time. Try again shortly."
    )

    def __init__(self, waited_s: float) -> None:
        super().__init__(
            f"no database connection was free within {waited_s:g} s; raise DATABASE_POOL_SIZE "
            "or lower the load"
        )
        self.waited_s = waited_s


class TransactionConflict(DatabaseError):
    """PostgreSQL rolled the transaction back because of concurrent work (SQLSTATE 40xxx, 55P03).

    That is a deadlock, a serialization failure, a lock that was not free, or a standby's recovery.
    """

    is_transient = True
    code = "DATABASE_BUSY"
    public_message = "The server is busy: other requests changed the same data. Try again shortly."

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"PostgreSQL rolled the transaction back (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate


class StatementOutdated(DatabaseError):
    """A prepared statement no longer fits: tables changed, or a proxy switched the server."""

    is_transient = True

    def __init__(self) -> None:
        super().__init__("a prepared statement no longer fits the server's tables")


class DatabaseUnavailable(DatabaseError):
    """PostgreSQL refused or lost the connection."""

    is_transient = True


class DatabaseReadOnly(DatabaseUnavailable):
    """The server takes no writes: a standby, or one set to read only (SQLSTATE 25006)."""

    public_message = "The server cannot write to its database just now. Try again shortly."

    def __init__(self) -> None:
        super().__init__("PostgreSQL is read-only: DATABASE_URL leads to a standby")


class ReplicaLost(DatabaseError):
    """A read on a replica failed, for a reason that the primary does not have."""

    def __init__(self) -> None:
        super().__init__("a replica cannot be read")


class StatementTimeout(DatabaseError):
    """PostgreSQL cancelled a statement that ran too long."""

    code = "TIMEOUT"
    public_message = "The database took too long. Request less, or try again later."
