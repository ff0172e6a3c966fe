"""EXPORT: makes an archive of all that is stored of the athlete.

An attempt begins again, because a ZIP cannot go on in the middle, unless the one before died when
the archive was whole: somebody may download it already. The row is made before the file, so a file
without a row is litter, which `jobs/orphan_files.py` deletes.
"""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, TypeVar

from sqlalchemy import Connection

from db.original_files import StoredOriginals
from db.statements.athletes import athlete as athletes
from db.statements.athletes import export as exports
from jobs.attempt import Attempt
from jobs.exports.archive import AthleteArchive
from jobs.exports.errors import ExportsFull
from jobs.lease import LeaseLost
from jobs.task_services import TaskServices
from runtime.export_folder import ExportFolder
from settings import Settings

_REPORT_EVERY_S = 0.5
_TOKEN_BYTES = 32
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL

T = TypeVar("T")


def run(attempt: Attempt, services: TaskServices) -> None:
    """Make the archive.

    Raises ExportsFull, OriginalUnreachable, db.errors.DatabaseError and what ends the attempt.
    """
    _ExportRun(attempt, services.settings).run()


class _ExportRun:
    def __init__(self, attempt: Attempt, settings: Settings) -> None:
        assert attempt.athlete_id is not None
        self._attempt, self._settings = attempt, settings
        self._athlete_id = attempt.athlete_id
        self._folder = ExportFolder(settings)
        self._id = 0
        self._reported_at = 0.0
        self._file: IO[bytes] | None = None

    def run(self) -> None:
        values = {
            "athlete": self._athlete_id,
            "job_id": self._attempt.job_id,
            "token": secrets.token_urlsafe(_TOKEN_BYTES),
            "server_url": self._settings.url,
        }
        with self._attempt.step() as step:
            # An erasure holds the lock, too: it deletes this row, or has ended before data is read.
            step.connection.execute(athletes.lock(), values)
            made = step.connection.execute(exports.begin(), values).one()
        self._id = made.id
        if made.is_there:
            return
        self._folder.make()
        path = self._folder.path_of(self._id)
        # Not into a file that an attempt which was given up may still write to.
        self._folder.remove(self._id)
        with os.fdopen(os.open(path, _NEW, 0o600), "wb") as self._file:
            try:
                others = self._write(self._file)
            except BaseException as error:
                _remove_if_same(path, self._file)
                if isinstance(error, OSError) and error.errno in {ENOSPC, EDQUOT}:
                    raise ExportsFull from error
                raise
        for each in others:
            self._folder.remove(each)

    def _write(self, file: IO[bytes]) -> Sequence[int]:
        originals = StoredOriginals(self._settings)
        AthleteArchive(self, self._athlete_id, self._settings.url, originals).write(file)
        file.flush()
        os.fsync(file.fileno())
        return self._finish()

    # --- what AthleteArchive asks for

    def read(self, step: Callable[[Connection], T]) -> T:
        with self._attempt.read() as connection:
            return step(connection)

    def report(self, done: int, total: int, what: str) -> None:
        """Write the progress now and then, and see whether there is room."""
        self._attempt.check()
        if time.monotonic() - self._reported_at < _REPORT_EVERY_S:
            return
        with self._attempt.step() as step:
            self._grow(step.connection)
            # what an attempt before wrote does not count as progress again
            step.done, step.total, step.message = max(step.done, done), total, what
        self._reported_at = time.monotonic()

    def _grow(self, connection: Connection) -> None:
        assert self._file is not None
        values = {"export": self._id, "size": self._file.tell()}
        if connection.execute(exports.grow(), values).first() is None:
            raise LeaseLost(self._attempt.job_id)  # it was erased
        taken = connection.execute(exports.room_taken()).scalar_one()
        if taken > self._settings.exports_max_bytes:
            raise ExportsFull

    def _finish(self) -> Sequence[int]:
        """Let it be downloaded; returns the athlete's older ones, which have no rows any more."""
        assert self._file is not None
        values = {
            "athlete": self._athlete_id,
            "export": self._id,
            "size": self._file.tell(),
            "lifetime_s": self._settings.export_lifetime_s,
        }
        with self._attempt.step() as step:
            self._grow(step.connection)
            step.connection.execute(exports.finish(), values)
            others = step.connection.execute(exports.remove_others(), values).scalars().all()
            step.done, step.message = step.total or step.done, None
        return others


def _remove_if_same(path: Path, file: IO[bytes]) -> None:
    """Delete what this attempt wrote, but not what the next one writes."""
    with suppress(FileNotFoundError):
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            path.unlink()
