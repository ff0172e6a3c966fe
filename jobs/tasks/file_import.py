"""IMPORT: reads an athlete's uploads, one file after the other, and reports on each.

So it reads a kept original of which an activity was restored.

Some activities are one transaction, with their lines of the report and the job's progress. An
attempt that was interrupted goes on at the file where it stopped: what it had written of that file
is known by its content.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from db.models import ImportOutcome, Visibility
from db.original_files import StoredOriginals
from db.statements.files import import_entry, original
from db.statements.files import upload as uploads
from db.statements.new_rows import values_of
from jobs.attempt import Attempt, Step
from jobs.imports.deadly_file import MOST_LOST, deadly
from jobs.imports.file_import import FileImport
from jobs.imports.kept_file import file_of
from jobs.imports.originals import Originals
from jobs.imports.prepared_file import PreparedFile, left_out
from jobs.imports.reading_processes import FileToRead, ReaderLost, ReadingProcesses
from jobs.imports.report_line import ReportLine
from jobs.sync.personal_bests import remember_bests, update_bests
from jobs.task_services import TaskServices
from recordings import RecordingError, UnreadableFile
from recordings.archive import WalkNotes, files_of
from recordings.limits import DEFAULT_LIMITS
from recordings.problems import printable
from runtime.upload_folder import UploadFolder

_LONGEST_MESSAGE = 2_000

T = TypeVar("T")


def run(attempt: Attempt, services: TaskServices) -> None:
    """Import. Raises db.errors.DatabaseError and what ends the attempt."""
    _Import(attempt, services).run()


class _Import:
    """One attempt. The checkpoint has the uploads and files that are done, as numbers.

    `files` counts those of the upload after `uploads`, `before` those of all earlier ones. `lost`
    has the places of files that ended the process that read them, and how often each did.
    """

    def __init__(self, attempt: Attempt, services: TaskServices) -> None:
        assert attempt.athlete_id is not None
        self._attempt, self._folder = attempt, UploadFolder(services.settings)
        self._most_readers = services.settings.import_readers
        self._athlete_id = attempt.athlete_id
        self._ids: list[int] = attempt.arguments["uploads"]
        done = attempt.checkpoint
        self._original: int | None = attempt.arguments.get("original")
        self._originals = StoredOriginals(services.settings)
        self._uploads, self._files = done.get("uploads", 0), done.get("files", 0)
        self._before, self._total = done.get("before", 0), done.get("before", 0)
        self._lost: dict[str, int] = done.get("lost", {})
        self._importer = FileImport(
            self,
            self._athlete_id,
            visibility=Visibility(attempt.arguments["visibility"]),
            originals=Originals.from_settings(services.settings),
            report=self._report,
            job_id=attempt.job_id,
        )
        self._step: Step | None = None

    def run(self) -> None:
        with self._attempt.step() as step:
            remember_bests(step, self._athlete_id)
            values = {"uploads": self._ids, "job_id": self._attempt.job_id}
            found = step.connection.execute(uploads.of_job(), values)
            names = {row.id: row.file_name for row in found}
        while self._uploads < len(self._ids):
            upload_id = self._ids[self._uploads]
            self._import(upload_id, names.get(upload_id))
            self._before += self._files
            self._uploads, self._files = self._uploads + 1, 0
        if self._original is not None:
            self._total = self._before + 1
            self._read(partial(self._file_of_original, self._original))
        self._finish()

    # --- what FileImport asks for

    def read(self, step: Callable[[Connection], T]) -> T:
        with self._attempt.read() as connection:
            return step(connection)

    def write(self, step: Callable[[Connection], T]) -> T:
        """Run a step of the job, with the progress so far."""
        with self._attempt.step() as opened:
            self._step = opened
            result = step(opened.connection)
            opened.checkpoint |= {
                "uploads": self._uploads,
                "files": self._files,
                "before": self._before,
                "lost": self._lost,
            }
            opened.done = self._before + self._files
            opened.total = max(self._total, opened.done)
        return result

    def _report(self, connection: Connection, reported: Sequence[ReportLine]) -> None:
        assert self._step is not None
        self._step.created += sum(line.outcome is ImportOutcome.IMPORTED for line in reported)
        self._step.message = reported[-1].file
        lines = [self._line(line) for line in reported]
        connection.execute(import_entry.write(), {"rows": values_of(lines)})
        self._files = max([self._files, *(line.number for line in reported if line.is_last)])

    # --- the walk

    def _import(self, upload_id: int, name: str | None) -> None:
        path = self._folder.path_of(upload_id)
        if name is None or not path.is_file():
            self._receive([(1, left_out(name or "upload", _lost(name)))])
            return
        self._read(partial(self._files_of, path, name))

    def _read(self, files: Callable[[], Iterator[FileToRead]]) -> None:
        while True:
            try:
                with ReadingProcesses(self._importer.rules(), self._most_readers) as readers:
                    self._receive(readers.read(files()))
            except ReaderLost as error:
                self._note_lost(error.number)
            else:
                return

    def _receive(self, found: Iterable[tuple[int, PreparedFile] | None]) -> None:
        for each in found:
            if each is None:
                self._attempt.check()
                _drain(self._importer.flush_sometimes())
            else:
                number, file = each
                _drain(self._importer.receive(file, number))
        self._importer.flush()

    def _files_of(self, path: Path, name: str) -> Iterator[FileToRead]:
        notes = WalkNotes()
        for number, (file, content) in enumerate(files_of(path, name=name, notes=notes), start=1):
            self._total = self._before + max(notes.files, number)
            if number > self._files:
                is_deadly = self._lost.get(self._key(number), 0) >= MOST_LOST
                given = deadly(file) if is_deadly else content
                yield FileToRead(number, file, given, notes.listed(file))

    def _file_of_original(self, original_id: int) -> Iterator[FileToRead]:
        if self._files:
            return  # an attempt before read it
        row = self.read(
            lambda c: c.execute(original.find(), {"original": original_id}).one_or_none()
        )
        file = file_of(self._originals, 1, row, "original")
        is_deadly = self._lost.get(self._key(1), 0) >= MOST_LOST
        yield replace(file, content=deadly(file.name)) if is_deadly else file

    def _note_lost(self, number: int) -> None:
        """Remember that reading a file ended its process; what waits is read again."""
        self._importer.flush()
        key = self._key(number)
        self._lost = {**self._lost, key: self._lost.get(key, 0) + 1}
        self.write(lambda _: None)

    def _key(self, number: int) -> str:
        return f"{self._uploads}/{number}"

    def _line(self, line: ReportLine) -> dict[str, Any]:
        file = self._before + line.number - 1
        return {
            "job_id": self._attempt.job_id,
            "athlete_id": self._athlete_id,
            "position": file * DEFAULT_LIMITS.activities + line.place,
            "path": line.file,
            "outcome": line.outcome.value,
            "message": printable(line.message, _LONGEST_MESSAGE),
            "activity_id": line.activity_id,
        }

    def _finish(self) -> None:
        """Update the bests; then the uploads are no longer needed."""
        with self._attempt.step() as step:
            update_bests(step, self._athlete_id)
            step.message = None
            values = {"job_id": self._attempt.job_id}
            removed = step.connection.execute(uploads.remove_of_job(), values).scalars().all()
        for upload_id in removed:
            self._folder.remove(upload_id)


def _drain(items: Iterable[object]) -> None:
    """Let an import do what it yields about."""
    for _ in items:
        pass


def _lost(name: str | None) -> RecordingError:
    return UnreadableFile(
        name or "upload",
        "the uploaded file is no longer here.",
        "Upload it again; if it is lost again, the operator has to let API and workers share "
        "UPLOADS_FOLDER.",
    )
