"""`pacegraph move-originals`: moves files that were kept to the database, a folder or S3."""

import sys

from db.errors import DatabaseError
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from jobs.imports.moved_originals import Move
from jobs.original_removals import remove_due
from logs import tell
from operator_commands.athlete_number import athlete_number
from operator_commands.file_place import file_place
from settings import Settings


def move_originals(settings: Settings, *, to: str, athlete: str | None) -> int:
    """Run the command, for `athlete` or all; `to` is a value of ORIGINALS.

    Returns 1 if some stay where they are. Raises InvalidSettings.
    """
    settings.require("database_url")
    place = file_place(settings, to)
    athlete_id = None if athlete is None else athlete_number(athlete)
    database = SyncDatabase(settings, application_name="pacegraph-move-originals")
    moved = failed = 0
    try:
        run = Move(TransactionRunner(database), StoredOriginals(settings), place, athlete_id)
        for name, problem in run.run():
            moved += problem is None
            failed += problem is not None
            if problem is not None:
                print(f"{name}: {problem}")
            if sys.stderr.isatty():
                print(f"\r{moved} …", end="", file=sys.stderr, flush=True)
        remove_due(settings, database)
    except (DatabaseError, OriginalUnreachable) as error:
        tell(f"moved {moved} originals; run it again to go on: {error}")
        return 1
    finally:
        database.close()
    print(f"moved {moved} originals, {failed} stay where they are")
    return 1 if failed else 0
