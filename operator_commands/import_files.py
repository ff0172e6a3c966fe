"""`pacegraph import`: reads files of recordings into an athlete's activities, with a report."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from db.errors import DatabaseError
from db.models import ImportOutcome, Visibility
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from graph.global_id import encode_id
from jobs.athlete_unknown import AthleteUnknown
from jobs.imports.file_import import FileImport
from jobs.imports.originals import Originals
from jobs.imports.reading_processes import FileToRead, ReaderLost, ReadingProcesses
from jobs.imports.waiting_line import ImportedItem
from logs import tell
from operator_commands.athlete_number import athlete_number
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
    counts = Counter[ImportOutcome]()
    try:
        files = FileImport(
            TransactionRunner(database),
            athlete_id,
            visibility=visibility,
            is_dry_run=is_dry_run,
            originals=Originals.from_settings(settings),
        )
        with ReadingProcesses(files.rules(), settings.import_readers) as readers:
            for path in paths:
                for item in _import_path(files, readers, path):
                    _report(item, counts)
        files.finish()
    except (AthleteUnknown, DatabaseError, ReaderLost) as error:
        tell(str(error))
        return 1
    finally:
        database.close()
    print(_summary(counts, is_dry_run=is_dry_run))
    return 1 if counts[ImportOutcome.FAILED] else 0


def _import_path(
    files: FileImport, readers: ReadingProcesses, path: Path
) -> Iterator[ImportedItem]:
    for found in readers.read(_files_of(path)):
        if found is not None:
            yield from files.receive(found[1])
    yield from files.flush()


def _files_of(path: Path) -> Iterator[FileToRead]:
    notes, number = WalkNotes(), 0
    try:
        for name, content in files_of(path, notes=notes):
            number += 1
            yield FileToRead(number, name, content, notes.listed(name))
    except OSError as error:
        problem = UnreadableFile(str(path), f"it cannot be read ({error.strerror}).", "Check it.")
        yield FileToRead(number + 1, str(path), problem)


def _report(item: ImportedItem, counts: Counter[ImportOutcome]) -> None:
    counts[item.outcome] += 1
    named = "" if item.activity_id is None else f" ({encode_id('Activity', item.activity_id)})"
    print(f"{_told(item.outcome):8}  {item.file}: {item.message}{named}")
    if sys.stderr.isatty() and not sys.stdout.isatty():
        print(f"\r{counts.total()} …", end="", file=sys.stderr, flush=True)


def _summary(counts: Counter[ImportOutcome], *, is_dry_run: bool) -> str:
    told = ", ".join(f"{counts[each]} {_told(each)}" for each in ImportOutcome)
    return f"{told} (nothing is written: --dry-run)" if is_dry_run else told


def _told(outcome: ImportOutcome) -> str:
    return outcome.value.lower().replace("_", " ")
