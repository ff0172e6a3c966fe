"""`pacegraph move-samples`: moves samples of old activities to a folder or S3, and back."""

import sys

from db.errors import DatabaseError
from db.models import OriginalPlace
from db.original_files import OriginalMissing, OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.transaction_runner import TransactionRunner
from jobs.moved_samples import SamplesMove
from jobs.original_removals import remove_due
from logs import tell
from operator_commands.athlete_number import athlete_number
from operator_commands.backups.backup import unbounded
from operator_commands.file_place import file_place
from settings import Settings

_DAY_S = 86_400.0


def move_samples(
    settings: Settings, *, to: str, older_than_days: float, athlete: str | None
) -> int:
    """Run the command, for `athlete` or all; `to` is a value of ORIGINALS.

    Returns 1 if some stay where they are. Raises InvalidSettings.
    """
    settings.require("database_url")
    place = file_place(settings, to)
    athlete_id = None if athlete is None else athlete_number(athlete)
    # A look for old samples may pass over all rows, where most are moved already.
    database = SyncDatabase(unbounded(settings), application_name="pacegraph-move-samples")
    moved = failed = 0
    try:
        transactions, files = TransactionRunner(database), StoredOriginals(settings)
        move = SamplesMove(transactions, files, athlete_id, _DAY_S * older_than_days)
        is_out = place is not OriginalPlace.DATABASE
        for count in move.take_out(place) if is_out else ():
            moved += count
            _show(moved)
        for number, problem in move.change_place(place) if is_out else move.put_back():
            moved += problem is None
            failed += problem is not None
            if problem is not None:
                print(f"activity {number}: {problem}")
            _show(moved)
        remove_due(settings, database)
    except (DatabaseError, OriginalMissing, OriginalUnreachable) as error:
        tell(f"moved the samples of {moved} activities; run it again to go on: {error}")
        return 1
    finally:
        database.close()
    print(f"moved the samples of {moved} activities, those of {failed} stay where they are")
    return 1 if failed else 0


def _show(moved: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{moved} …", end="", file=sys.stderr, flush=True)
