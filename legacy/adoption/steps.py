"""Short transactions that may have to be tried again: a lock that others hold, a deadlock, a restart of PostgreSQL."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db.errors import DatabaseError
from db.session import SyncDatabase

__all__ = ["Steps"]

_ATTEMPTS = 30
_ATTEMPTS_AT_ROWS = 3
_PAUSE_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # others wait behind who waits for a lock, so they are let by for a while
_CONFLICTS = {"40P01", "40001"}  # a deadlock, two who wrote the same

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class StillLocked(DatabaseError):  # noqa: N818
    """Somebody held a lock all the time."""

    def __init__(self) -> None:
        super().__init__(
            f"another transaction held a table of the older service for more than {_ATTEMPTS} s (pg_stat_activity, "
            "pg_blocking_pids() tell whose): end it, and run this again, which goes on where it stopped"
        )


class Steps:
    """Runs steps of the adoption on `database`."""

    def __init__(self, database: SyncDatabase) -> None:
        self._database = database

    def take(self, step: Callable[[Connection], Answer]) -> Answer:
        """Run `step` in a transaction of its own, again where it failed by what may pass. Raises DatabaseError."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._database.write() as connection:
                    return step(connection)
            except IntegrityError:
                # A sign-in or a sync wrote, at this very moment, what the step was about to.
                if attempt == _ATTEMPTS_AT_ROWS:
                    raise
            except DatabaseError as error:
                if attempt == _ATTEMPTS:
                    if _sqlstate(error) == _LOCK_NOT_AVAILABLE:
                        raise StillLocked from error
                    raise
                _log.warning(
                    "a step of the adoption is tried again", extra={"attempt": attempt, "sqlstate": _sqlstate(error)}
                )
                time.sleep(0.1 if _sqlstate(error) in _CONFLICTS else _PAUSE_S)
        raise AssertionError


def _sqlstate(error: BaseException) -> str | None:
    cause = error.__cause__
    return getattr(getattr(cause, "orig", cause), "sqlstate", None)
