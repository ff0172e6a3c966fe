"""`pacegraph import`: reads files of recordings into an athlete's activities, with a report."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from db.errors import DatabaseError
from db.models import ImportOutcome, Visibility
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from graph.global_id import encode_id
from jobs.athlete_unknown import AthleteUnknown
from jobs.imports.deadly_file import MOST_LOST, deadly
from jobs.imports.file_import import FileImport
from jobs.imports.originals import Originals
from jobs.imports.reading_processes import FileToRead, ReaderLost, ReadingProcesses
from jobs.imports.report_line import ReportLine
from logs import tell
from operator_commands.athlete_number import athlete_number
from operator_commands.progress_bar import ProgressBar
from recordings import UnreadableFile
from recordings.archive import WalkNotes, files_of
from settings import Settings


def import_files(
    settings: Settings,
    paths: Sequence[Path],
    *,
    athlete: str,
    visibility: Visibility,
    is_dry_run: bool,
) -> int:
    """Run the command. Returns 1 if anything failed. Raises InvalidSettings for a wrong id."""
    settings.require("database_url")
    athlete_id = athlete_number(athlete)
    database = SyncDatabase(settings, application_name="pacegraph-import")
    counts, bar = Counter[ImportOutcome](), ProgressBar()
    try:
        files = FileImport(
            TransactionRunner(database),
            athlete_id,
            visibility=visibility,
            is_dry_run=is_dry_run,
            originals=Originals.from_settings(settings),
        )
        for path in paths:
            walk = _PathFiles(path)
            for line in _import_path(files, walk, settings.import_readers):
                counts[line.outcome] += 1
                bar.tell(_line(line))
                bar.show(line.number, walk.total)
        files.finish()
    except (AthleteUnknown, DatabaseError) as error:
        tell(str(error))
        return 1
    finally:
        bar.end()
        database.close()
    print(_summary(counts, is_dry_run=is_dry_run))
    return 1 if counts[ImportOutcome.FAILED] else 0


class _PathFiles:
    """The files of a path; `total` is how many there are, as far as archives were opened.

    `lost` counts by a file's number how often reading it ended its process.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._notes, self._number = path, WalkNotes(), 0
        self._in_folder = sum(len(files) for _, _, files in os.walk(path))
        self.lost = Counter[int]()

    @property
    def total(self) -> int:
        return max(self._number, self._in_folder + self._notes.files)

    def files(self, done: int) -> Iterator[FileToRead]:
        """Walk, from the file after `done` on. A path that cannot be read is a file that cannot be."""
        self._notes, self._number = WalkNotes(), 0
        try:
            for name, content in files_of(self._path, notes=self._notes):
                self._number += 1
                if self._number > done:
                    given = deadly(name) if self.lost[self._number] >= MOST_LOST else content
                    yield FileToRead(self._number, name, given, self._notes.listed(name))
        except OSError as error:
            path = str(self._path)
            problem = UnreadableFile(path, f"it cannot be read ({error.strerror}).", "Check it.")
            yield FileToRead(self._number + 1, path, problem)


def _import_path(files: FileImport, walk: _PathFiles, most: int) -> Iterator[ReportLine]:
    """Import a path; after a file that ended the process that read it the rest is read."""
    done = 0
    while True:
        try:
            with ReadingProcesses(files.rules(), most) as readers:
                for found in readers.read(walk.files(done)):
                    if found is not None:
                        done, file = found
                        yield from files.receive(file, done)
        except ReaderLost as error:
            walk.lost[error.number] += 1
            yield from files.flush()
        else:
            yield from files.flush()
            return


def _line(line: ReportLine) -> str:
    named = "" if line.activity_id is None else f" ({encode_id('Activity', line.activity_id)})"
    return f"{_told(line.outcome):8}  {line.file}: {line.message}{named}"


def _summary(counts: Counter[ImportOutcome], *, is_dry_run: bool) -> str:
    told = ", ".join(f"{counts[each]} {_told(each)}" for each in ImportOutcome)
    return f"{told} (nothing is written: --dry-run)" if is_dry_run else told


def _told(outcome: ImportOutcome) -> str:
    return outcome.value.lower().replace("_", " ")
