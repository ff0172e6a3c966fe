"""`pacegraph export`: writes an archive of all that is stored of an athlete (docs/export.md)."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from sqlalchemy import Connection

from db.errors import DatabaseError
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from jobs.athlete_unknown import AthleteUnknown
from jobs.exports.archive import AthleteArchive
from logs import tell
from operator_commands.athlete_number import athlete_number
from settings import Settings

T = TypeVar("T")


def export_athlete(settings: Settings, *, athlete: str, to: Path) -> int:
    """Run the command; `to` gets the archive once it is whole. Raises InvalidSettings.

    Returns 1 if it failed; then what was there before is still there.
    """
    settings.require("database_url")
    athlete_id = athlete_number(athlete)
    database = SyncDatabase(settings, application_name="pacegraph-export")
    try:
        archive = AthleteArchive(
            _Steps(database), athlete_id, settings.url, StoredOriginals(settings)
        )
        size = _write(archive, to)
    except (AthleteUnknown, DatabaseError, OriginalUnreachable) as error:
        tell(str(error))
        return 1
    except OSError as error:
        tell(f"{to}: cannot be written ({error.strerror})")
        return 1
    finally:
        database.close()
    print(f"{to}: {size} bytes")
    return 0


def _write(archive: AthleteArchive, to: Path) -> int:
    """Write beside the file and put it in its place; for its owner only."""
    with NamedTemporaryFile(dir=to.parent, prefix=f".{to.name}.", delete=False) as file:
        try:
            archive.write(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
            Path(file.name).replace(to)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return size


class _Steps:
    """What AthleteArchive asks for, outside of a job."""

    def __init__(self, database: SyncDatabase) -> None:
        self._database = database

    def read(self, step: Callable[[Connection], T]) -> T:
        with self._database.read() as connection:
            return step(connection)

    def report(self, done: int, total: int, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} ({what}) …\033[K", end="", file=sys.stderr, flush=True)
