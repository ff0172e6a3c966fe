"""Short transactions that may have to be tried again: a lock that others hold, a deadlock, a restart of PostgreSQL."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from db.errors import DatabaseError
from db.session import SyncDatabase

__all__ = ["Steps"]

_ATTEMPTS = 30
_PAUSE_S = 1.0
_PASSING = {"55P03", "40P01", "40001"}  # a lock not had in time, a deadlock, a conflict

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


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
            except DatabaseError as error:
                if attempt == _ATTEMPTS:
                    raise
                _log.warning(
                    "a step of the adoption is tried again", extra={"attempt": attempt, "sqlstate": _sqlstate(error)}
                )
                time.sleep(0.1 if _sqlstate(error) in _PASSING else _PAUSE_S)
        raise AssertionError


def _sqlstate(error: BaseException) -> str | None:
    cause = error.__cause__
    return getattr(getattr(cause, "orig", cause), "sqlstate", None)
