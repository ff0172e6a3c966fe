"""What the drivers' errors mean: the one place where they become `db.errors`.

PostgreSQL tells an error's kind by its SQLSTATE (PostgreSQL 18, appendix A), never by the text,
which is in the server's language. Some errors have none: those of a connection that ended.
"""

from collections.abc import Callable, Iterator

from sqlalchemy import exc

from db.errors import (
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    StatementOutdated,
    StatementTimeout,
    TransactionConflict,
)

_FEATURE_NOT_SUPPORTED = "0A000"
_REVALIDATION = "RevalidateCachedQuery"
"""PostgreSQL's function that finds a cached plan's result type changed: it has no SQLSTATE of its
own.
"""
_NO_SUCH_PARAMETER = "unsupported startup parameter"
"""PgBouncer's text, in any language; libpq gives no SQLSTATE for a connection that was refused."""
_DRIVERS = ("asyncpg.", "psycopg.")
"""Packages, known by name: to import them takes longer than all else that old callers import."""


def translate(error: BaseException) -> DatabaseError | None:
    """Translate a driver's or SQLAlchemy's error; None for one that is not PostgreSQL's doing."""
    if not _is_foreign(error):
        return None
    causes = list(_causes(error))
    if any(_NO_SUCH_PARAMETER in str(each) for each in causes):
        return DatabaseUnavailable(
            "a pooler refused the parameters of the connection: set DATABASE_POOLER=transaction"
        )
    sqlstate = next((each for each in map(_sqlstate, causes) if each), "")
    if by_state := _by_sqlstate(sqlstate):
        return by_state
    is_revalidated = sqlstate == _FEATURE_NOT_SUPPORTED and any(map(_is_revalidation, causes))
    if is_revalidated or any(_is_asyncpg(each, "OutdatedSchemaCacheError") for each in causes):
        return StatementOutdated()
    if any(map(_is_lost_connection, causes)):
        return DatabaseUnavailable(f"PostgreSQL refused or lost the connection: {causes[-1]}")
    return None


def _too_slow(_: str) -> DatabaseError:
    return StatementTimeout("a statement ran longer than DATABASE_STATEMENT_TIMEOUT_MS allows")


def _refused(_: str) -> DatabaseError:
    return DatabaseUnavailable("PostgreSQL refused the connection or ended it")


def _unknown_outcome(_: str) -> DatabaseError:
    error = DatabaseUnavailable("PostgreSQL does not know whether it wrote")
    error.is_written = None
    return error


_BY_SQLSTATE: dict[str, Callable[[str], DatabaseError]] = {
    "57014": _too_slow,
    "25006": lambda _: DatabaseReadOnly(),
    "40003": _unknown_outcome,
    "40": TransactionConflict,  # rolled back: deadlock, serialization, a standby's recovery
    "55P03": TransactionConflict,  # a lock is not free
    "26000": lambda _: StatementOutdated(),  # no such prepared statement: a proxy changed servers
    "42P05": lambda _: StatementOutdated(),  # there is one already: the same
    "25P03": _refused,  # idle too long in a transaction
    "25P04": _refused,  # a transaction too long
    "08": _refused,  # connection
    "28": _refused,  # sign-in
    "3D": _refused,  # no such database
    "53": _refused,  # resources
    "57": _refused,  # shutdown, start-up
}
"""Makers of errors by SQLSTATE, or by its class, the first two characters."""


def _by_sqlstate(sqlstate: str) -> DatabaseError | None:
    make = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2])
    return make(sqlstate) if make else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = getattr(current, "orig", None) or current.__cause__


def _sqlstate(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _is_revalidation(error: BaseException) -> bool:
    """Whether PostgreSQL refused a cached plan; asyncpg and psycopg name the source function."""
    diagnostics = getattr(error, "diag", None)
    names = (
        getattr(error, "server_source_function", None),
        getattr(diagnostics, "source_function", None),
    )
    return _REVALIDATION in names or _is_asyncpg(error, "InvalidCachedStatementError")


def _is_lost_connection(error: BaseException) -> bool:
    return (
        isinstance(error, exc.OperationalError | exc.InterfaceError | OSError)
        or _is_asyncpg(error, "InterfaceError")
        or is_out_of_step(error)
        or bool(getattr(error, "connection_invalidated", False))
    )


def is_out_of_step(error: BaseException) -> bool:
    """Whether asyncpg found its connection amid something else: the server has just ended it."""
    return _is_asyncpg(error, "InternalClientError")


def _is_foreign(error: BaseException) -> bool:
    return isinstance(error, exc.SQLAlchemyError | OSError) or any(
        each.__module__.startswith(_DRIVERS) for each in type(error).__mro__
    )


def _is_asyncpg(error: BaseException, name: str) -> bool:
    return any(
        each.__name__ == name and each.__module__.startswith("asyncpg.")
        for each in type(error).__mro__
    )
