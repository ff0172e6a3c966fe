"""Alembic, configured here instead of in an ini file, with the same settings as everything else."""

import logging
import re
import time
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from db.driver_errors import translate
from db.errors import DatabaseError, DatabaseUnavailable, TransactionConflict
from db.session import SyncDatabase
from db.transaction_runner import ATTEMPTS, TransactionRunner, pause_s
from operator_commands.dropped_data import data_dropped
from settings import Settings

_RELATIVE = re.compile(r"[+-]\d+$")
SCRIPTS = Path(__file__).resolve().parent.parent / "alembic"

logger = logging.getLogger(__name__)


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Migrate the database up to `revision`. Raises CommandError for an unknown one.

    After a lost connection, or where others hold a lock, it goes on with the migration that was
    interrupted.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            command.upgrade(_config(settings), revision)
        except SQLAlchemyError as error:
            failure = _passing(error, attempt)
            # A relative revision would count from where the first attempt ended.
            if failure is None or attempt == ATTEMPTS or _RELATIVE.search(revision):
                raise
            logger.warning(
                "the migrations are tried again", extra={"attempt": attempt, "error": str(failure)}
            )
            time.sleep(pause_s(failure, attempt))
        else:
            return


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


def downgrade(settings: Settings, revision: str = "-1") -> None:
    """Migrate the database down to `revision`: "-1" is one step, "base" an empty database.

    Raises CommandError for an unknown one.
    """
    command.downgrade(_config(settings), revision)


def data_lost(settings: Settings, revision: str = "-1") -> dict[str, int]:
    """Find the rows and values that `downgrade` would drop: see `data_dropped`.

    Raises CommandError for an unknown revision.
    """
    database = SyncDatabase(settings, application_name="pacegraph-migrate")
    try:
        scripts = ScriptDirectory(str(SCRIPTS))
        return TransactionRunner(database).read(
            partial(data_dropped, scripts=scripts, revision=revision)
        )
    finally:
        database.close()


def missing_revisions(connection: Connection) -> list[str]:
    """The migrations that the database still lacks, next first."""
    scripts = ScriptDirectory(str(SCRIPTS))
    current = MigrationContext.configure(connection).get_current_heads()
    # Raises CommandError if the database is newer than this version.
    missing = scripts.iterate_revisions("heads", current or "base")
    return [script.revision for script in missing if script.revision not in current][::-1]


def _config(settings: Settings) -> Config:
    """Configuration for alembic/env.py: `attributes["settings"]` names the database."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["settings"] = settings
    return config
