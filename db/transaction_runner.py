"""Runs the short transactions of a long command, and retries each after a moment's trouble.

A command of minutes outlives a restart, a failover, a deadlock or a connection that an
administrator ends: only the transaction that met it is repeated.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db.errors import DatabaseError, TransactionConflict
from db.session import SyncDatabase

ATTEMPTS = 30
_ATTEMPTS_AT_ROWS = 3
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_UNREACHED_S = 3.0
"""How long a database is tried that has never answered: it is down, or DATABASE_URL is wrong."""
LOCK_NOT_AVAILABLE = "55P03"

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class TransactionRunner:
    """Runs the transactions of a command on `database`.

    A step may run several times, so it touches nothing but its connection, and what it returns is
    used only once it has ended. It must stand being repeated after a commit with an unknown
    outcome.
    """

    def __init__(self, database: SyncDatabase) -> None:
        self._database = database
        self._is_reached = False

    def write(self, step: Callable[[Connection], Result]) -> Result:
        """Run `step` in a transaction and commit it. Raises DatabaseError after all attempts.

        A database that never answered is tried for 3 s. IntegrityError is retried twice, because
        another process may have inserted the same row.
        """
        return self._run(self._database.write, step)

    def read(self, step: Callable[[Connection], Result]) -> Result:
        """Run `step` in a transaction that shows one snapshot. Raises as `write`."""

        def in_snapshot(connection: Connection) -> Result:
            return step(connection.execution_options(isolation_level="REPEATABLE READ"))

        return self._run(self._database.read, in_snapshot)

    def _run(
        self,
        connect: Callable[[], AbstractContextManager[Connection]],
        step: Callable[[Connection], Result],
    ) -> Result:
        begun = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with connect() as connection:
                    self._is_reached = True
                    return step(connection)
            except IntegrityError:
                if attempt == _ATTEMPTS_AT_ROWS:
                    raise
            except DatabaseError as error:
                is_hopeless = not self._is_reached and time.monotonic() - begun > _UNREACHED_S
                if attempt == ATTEMPTS or is_hopeless:
                    raise
                logger.warning(
                    "a transaction is tried again", extra={"attempt": attempt, "error": str(error)}
                )
                time.sleep(pause_s(error, attempt))
        raise AssertionError


def pause_s(error: DatabaseError, attempt: int) -> float:
    """Get the seconds to wait after a failed attempt; the first is 1."""
    if isinstance(error, TransactionConflict):
        # A waiting lock request blocks later ones, so the pause lets them through.
        return _LONGEST_PAUSE_S if error.sqlstate == LOCK_NOT_AVAILABLE else _FIRST_PAUSE_S
    doubled: float = _FIRST_PAUSE_S * 2 ** (attempt - 1)
    return min(_LONGEST_PAUSE_S, doubled)
