"""Alembic, configured here instead of in an ini file, with the same settings as everything else."""

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.driver_errors import translate
from db.errors import DatabaseError, DatabaseUnavailable, TransactionConflict
from db.session import SyncDatabase
from db.transaction_runner import ATTEMPTS, TransactionRunner, pause_s
from operator_commands.dropped_data import data_dropped
from operator_commands.partition_tables import unfinished
from operator_commands.revisions import SCRIPTS, current_heads, missing_revisions
from settings import Settings

_STEPS = re.compile(r"[+-]\d+")

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Migrate the database up to `revision`.

    Raises CommandError for an unknown one, and where a migration is missing while
    `partition-tables` is under way: what it made of a table would go with it.
    After a lost connection, or where others hold a lock, it goes on with the migration that was
    interrupted.
    """
    _move(command.upgrade, settings, revision)


def downgrade(settings: Settings, revision: str = "-1") -> None:
    """Migrate the database down to `revision`: "-1" is one step, "base" an empty database.

    Raises CommandError for an unknown one. It goes on as `upgrade` does.
    """
    _move(command.downgrade, settings, revision)


def _move(move: Callable[[Config, str], None], settings: Settings, revision: str) -> None:
    if _STEPS.fullmatch(revision):
        # The second attempt would count from where the first one came to.
        revision = _counted_from_now(settings, revision)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            config = _config(settings)
            if move is command.upgrade:
                config.attributes["check"] = partial(check_tables_stay, revision=revision)
            move(config, revision)
        except SQLAlchemyError as error:
            failure = _passing(error, attempt)
            if failure is None or attempt == ATTEMPTS:
                raise
            logger.warning(
                "the migrations are tried again", extra={"attempt": attempt, "error": str(failure)}
            )
            time.sleep(pause_s(failure, attempt))
        else:
            return


def check_tables_stay(connection: Connection, revision: str) -> None:
    """Look whether the tables stay in their places during migrations up to `revision`.

    Raises CommandError if not, or if it is unknown. While the lock of migrations is held
    `partition-tables` begins nothing.
    """
    reason = unfinished(connection)
    if reason is not None and missing_revisions(connection, revision):
        raise CommandError(reason)


def _counted_from_now(settings: Settings, steps: str) -> str:
    """Get the revision that is so many steps, such as "-1", from where the database is.

    Where there is none the steps themselves: alembic says what is wrong with them.
    """
    newest_first = [each.revision for each in ScriptDirectory(str(SCRIPTS)).walk_revisions()]
    every = ["base", *reversed(newest_first)]
    [now] = _read(settings, current_heads) or ["base"]
    at = every.index(now) + int(steps) if now in every else -1
    return every[at] if 0 <= at < len(every) else steps


def _passing(error: SQLAlchemyError, attempt: int) -> DatabaseError | None:
    """The loss of the connection, that it cannot be made again yet, or others' lock; else None.

    What alembic does at the end of a block that lost it may raise again, about its transaction.
    """
    each: BaseException | None = error
    while each is not None:
        failure = translate(each) if isinstance(each, DBAPIError) else None
        if isinstance(failure, TransactionConflict):
            return failure
        if isinstance(each, DBAPIError) and (each.connection_invalidated or attempt > 1):
            return failure if isinstance(failure, DatabaseUnavailable) else None
        each = each.__context__
    return None


def data_lost(settings: Settings, revision: str = "-1") -> dict[str, int]:
    """Find the rows and values that `downgrade` would drop: see `data_dropped`.

    Raises CommandError for an unknown revision.
    """
    return _read(settings, partial(data_dropped, revision=revision))


def _read(settings: Settings, step: Callable[[Connection], Result]) -> Result:
    database = SyncDatabase(settings, application_name="pacegraph-migrate")
    try:
        return TransactionRunner(database).read(step)
    finally:
        database.close()


def _config(settings: Settings) -> Config:
    """Configuration for alembic/env.py: `attributes["settings"]` names the database.

    `attributes["check"]` is called with the connection before anything is changed, if it is there.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["settings"] = settings
    return config
