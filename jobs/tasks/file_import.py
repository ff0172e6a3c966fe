"""IMPORT: reads an athlete's uploads, one file after the other, and reports on each.

Each activity is one transaction, with its line of the report and the job's progress. An attempt
that was interrupted goes on at the file where it stopped: what it had written of that file is
known by its content.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

from db.models import ImportOutcome, Visibility
from db.statements import athlete as athletes
from db.statements import import_entry
from db.statements import upload as uploads
from jobs.attempt import Attempt, Step
from jobs.imports.file_import import FileImport, ImportedItem
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.task_services import TaskServices
from recordings import UnreadableFile
from recordings.archive import WalkNotes, files_of
from recordings.limits import DEFAULT_LIMITS
from recordings.problems import printable
from runtime.upload_folder import UploadFolder

_MOST_LINES, _LONGEST_WAIT_S = 200, 1.0
"""Lines about files without activities are written together."""
_LONGEST_MESSAGE = 2_000

T = TypeVar("T")


def run(attempt: Attempt, services: TaskServices) -> None:
    """Import. Raises db.errors.DatabaseError and what ends the attempt."""
    _Import(attempt, UploadFolder(services.settings)).run()


class _Import:
    """One attempt. The checkpoint has the uploads and files that are done, as numbers.

    `files` counts those of the upload after `uploads`, `before` those of all earlier ones.
    """

    def __init__(self, attempt: Attempt, folder: UploadFolder) -> None:
        assert attempt.athlete_id is not None
        self._attempt, self._folder = attempt, folder
        self._athlete_id = attempt.athlete_id
        self._ids: list[int] = attempt.arguments["uploads"]
        done = attempt.checkpoint
        self._uploads, self._files = done.get("uploads", 0), done.get("files", 0)
        self._before, self._total = done.get("before", 0), done.get("before", 0)
        self._lines: list[dict[str, Any]] = []
        self._written_at = time.monotonic()
        self._importer = FileImport(
            self,
            self._athlete_id,
            visibility=Visibility(attempt.arguments["visibility"]),
            report=self._report,
        )
        self._step: Step | None = None
        self._reported: ImportedItem | None = None

    def run(self) -> None:
        with self._attempt.step() as step:
            remember_bests(step, self._athlete_id)
            values = {"uploads": self._ids, "job_id": self._attempt.job_id}
            found = step.connection.execute(uploads.of_job(), values)
            names = {row.id: row.file_name for row in found}
        while self._uploads < len(self._ids):
            upload_id = self._ids[self._uploads]
            self._read(upload_id, names.get(upload_id))
            self._before += self._files
            self._uploads, self._files = self._uploads + 1, 0
            self._flush()
        self._finish()

    # --- what FileImport asks for

    def read(self, step: Callable[[Connection], T]) -> T:
        with self._attempt.read() as connection:
            return step(connection)

    def write(self, step: Callable[[Connection], T]) -> T:
        """Run a step of the job, with the lines that wait and the progress so far."""
        lines = list(self._lines)
        with self._attempt.step() as opened:
            self._step = opened
            result = step(opened.connection)
            if lines:
                opened.connection.execute(import_entry.write(), lines)
            opened.checkpoint |= {
                "uploads": self._uploads,
                "files": self._files,
                "before": self._before,
            }
            opened.done = self._before + self._files
            opened.total = max(self._total, opened.done)
        del self._lines[: len(lines)]
        self._written_at = time.monotonic()
        return result

    def _report(self, connection: Connection, item: ImportedItem) -> None:
        assert self._step is not None
        self._step.created += item.outcome is ImportOutcome.IMPORTED
        self._step.message, self._reported = item.file, item
        connection.execute(import_entry.write(), self._line(item))

    # --- the walk

    def _read(self, upload_id: int, name: str | None) -> None:
        path = self._folder.path_of(upload_id)
        if name is None or not path.is_file():
            self._add(_lost(name))
            self._files = 1
            return
        notes = WalkNotes()
        for place, (file, content) in enumerate(files_of(path, name=name, notes=notes), start=1):
            self._total = self._before + max(notes.files, place)
            if place <= self._files:
                continue
            for item in self._importer.take(file, content, notes.listed(file)):
                if item is not self._reported:
                    self._add(item)
            self._files = place
            self._flush_sometimes()

    def _add(self, item: ImportedItem) -> None:
        self._lines.append(self._line(item))

    def _line(self, item: ImportedItem) -> dict[str, Any]:
        file = self._before + self._files
        return {
            "job": self._attempt.job_id,
            "athlete": self._athlete_id,
            "at": file * DEFAULT_LIMITS.activities + item.place,
            "of_path": item.file,
            "what": item.outcome.value,
            "why": printable(item.message, _LONGEST_MESSAGE),
            "activity": item.activity_id,
        }

    def _flush_sometimes(self) -> None:
        waited_s = time.monotonic() - self._written_at
        if len(self._lines) >= _MOST_LINES or (self._lines and waited_s >= _LONGEST_WAIT_S):
            self._flush()

    def _flush(self) -> None:
        values = {"athlete": self._athlete_id}
        self.write(lambda connection: connection.execute(athletes.lock(), values))

    def _finish(self) -> None:
        """Update the bests; then the uploads are no longer needed."""
        with self._attempt.step() as step:
            update_bests(step, self._athlete_id)
            step.message = None
            values = {"job_id": self._attempt.job_id}
            removed = step.connection.execute(uploads.remove_of_job(), values).scalars().all()
        for upload_id in removed:
            self._folder.remove(upload_id)


def _lost(name: str | None) -> ImportedItem:
    problem = UnreadableFile(
        name or "upload",
        "the uploaded file is no longer here.",
        "Upload it again; if it is lost again, the operator has to let API and workers share "
        "UPLOADS_FOLDER.",
    )
    return ImportedItem(problem.file, ImportOutcome.FAILED, f"{problem.problem} {problem.remedy}")
