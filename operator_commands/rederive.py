"""`pacegraph rederive`: derives activities again from the files that they were read from."""

import sys

from db.errors import DatabaseError
from db.original_files import OriginalUnreachable, StoredOriginals
from db.session import SyncDatabase
from db.statements.activities import rederivation
from db.transaction_runner import TransactionRunner
from jobs.imports.rederivation import Rederivation
from jobs.imports.rules_version import RULES_VERSION
from logs import tell
from operator_commands.athlete_number import athlete_number
from settings import Settings


def rederive(settings: Settings, *, athlete: str | None, again: bool) -> int:
    """Run the command, for `athlete` or all; `again`: also what today's rules derived.

    Returns 1 if a file could not be derived. Raises InvalidSettings.
    """
    settings.require("database_url")
    athlete_id = None if athlete is None else athlete_number(athlete)
    database = SyncDatabase(settings, application_name="pacegraph-rederive")
    done = failed = 0
    try:
        transactions = TransactionRunner(database)
        for each in _athletes(transactions, athlete_id, again=again):
            run = Rederivation(
                transactions, StoredOriginals(settings), each, settings.import_readers
            )
            for name, problem in run.run():
                done += 1
                if problem is not None:
                    failed += 1
                    print(f"{name}: {problem}")
                if sys.stderr.isatty():
                    print(f"\r{done} …", end="", file=sys.stderr, flush=True)
    except (DatabaseError, OriginalUnreachable) as error:
        tell(str(error))
        return 1
    finally:
        database.close()
    print(f"read {done} originals again, {failed} with problems")
    return 1 if failed else 0


def _athletes(transactions: TransactionRunner, athlete_id: int | None, *, again: bool) -> list[int]:
    """Find the athletes with originals to be read."""
    if again:
        values = {"athlete": athlete_id}
        transactions.write(lambda c: c.execute(rederivation.forget_versions(), values))
    if athlete_id is not None:
        return [athlete_id]
    values = {"rules_version": RULES_VERSION}
    found = transactions.read(lambda c: c.execute(rederivation.athletes(), values).scalars().all())
    return list(found)
