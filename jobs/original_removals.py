"""Deletes files of originals that are gone, in a process of its own: an S3 server may be slow or away.

What cannot be deleted is tried again later, and counts in `/metrics` until it is gone.
"""

import logging
import os
import signal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from sqlalchemy import Executable

from db.errors import DatabaseError
from db.models import OriginalPlace
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.statements.files import original_removal as statements
from logs import child_process
from runtime.parent_death import die_with_parent
from settings import Settings

_AT_ONCE = 100
_LONGEST_S = 300.0

logger = logging.getLogger(__name__)
_fork = get_context("fork").Process


def remove_due(settings: Settings, database: SyncDatabase) -> None:
    """Delete the files whose removal is due, for some minutes at most. Raises DatabaseError.

    Where one cannot be deleted, others at that place are tried before it the next time.
    """
    files, until = StoredOriginals(settings), monotonic() + _LONGEST_S
    unreachable: set[str] = set()
    while monotonic() < until:
        with database.read() as connection:
            due = connection.execute(statements.due(), {"most": _AT_ONCE}).all()
        if not due:
            return
        for row in due:
            removal = {"original": row.original_id, "at_place": row.place}
            if row.place in unreachable:
                _write(database, statements.defer_untried(), removal)
                continue
            try:
                _remove(database, files, OriginalPlace(row.place), removal)
            except OriginalUnreachable as error:
                logger.warning(
                    "an original's file cannot be deleted yet", extra={"error": str(error)}
                )
                unreachable.add(row.place)
                _write(database, statements.defer_failed(), removal)


def _remove(
    database: SyncDatabase, files: StoredOriginals, place: OriginalPlace, removal: dict[str, Any]
) -> None:
    """Delete a file that is not needed. Raises OriginalUnreachable.

    The lock of its row is held, so that nobody announces or withdraws the file meanwhile.
    """
    with database.write() as connection:
        row = connection.execute(statements.take_due(), removal).one_or_none()
        if row is not None and not row.is_needed:
            files.remove(place, removal["original"])


def _write(database: SyncDatabase, statement: Executable, values: dict[str, Any]) -> None:
    with database.write() as connection:
        connection.execute(statement, values)


class RemovalSweep:
    """Starts the process where something is due, one at a time."""

    def __init__(self, settings: Settings, database: SyncDatabase) -> None:
        self._settings, self._database = settings, database
        self._process: BaseProcess | None = None

    def run(self) -> None:
        """Start it. Raises DatabaseError."""
        if self._process is not None and self._process.is_alive():
            return
        with self._database.read() as connection:
            if connection.execute(statements.due(), {"most": 1}).first() is None:
                return
        self._process = _fork(target=_run, args=(os.getpid(), self._settings), daemon=True)
        self._process.start()


def _run(parent: int, settings: Settings) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(parent)
    with child_process("removals"):
        database = SyncDatabase(settings, application_name="pacegraph-removals")
        try:
            remove_due(settings, database)
        except DatabaseError as error:
            logger.warning("originals' files cannot be deleted yet", extra={"error": str(error)})
        finally:
            database.close()
