"""Run migrations on the database of DATABASE_URL, each in a transaction, one process at a time."""

import logging
from importlib.util import find_spec
from typing import Any

from alembic import context
from sqlalchemy import Connection, event, text

from db.models import Base
from db.session import SyncDatabase
from settings import load_settings

logger = logging.getLogger("pacegraph.migration")

_MIGRATION_LOCK = 0x70616365  # "pace": concurrent processes migrate one after the other
_CHANGES = ("ALTER", "CREATE", "DROP", "LOCK", "TRUNCATE")
_LOCK_WAIT_MS = 1000
"""A wait for a table's lock holds up all that come after. `upgrade` tries again."""


def run() -> None:
    settings = context.config.attributes.get("settings") or load_settings()
    # A migration may take longer than a request, and its lock belongs to its connection.
    settings = settings.past_pooler().model_copy(update={"database_statement_timeout_ms": 0})
    database = SyncDatabase(settings, application_name="pacegraph-migrate")
    try:
        with database.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            if check := context.config.attributes.get("check"):
                check(connection)
            connection.commit()
            event.listen(connection, "before_cursor_execute", _wait_briefly)
            if find_spec("legacy") is not None:  # until legacy/ is deleted
                from legacy.adoption.name_clearance import clear_names

                clear_names(connection)
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                transaction_per_migration=True,
                on_version_apply=_log_step,
            )
            with context.begin_transaction():
                context.run_migrations()
            connection.commit()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
    finally:
        database.close()


def _wait_briefly(_: Connection, cursor: Any, statement: str, *__: Any) -> None:
    """Limit waits for locks of what changes tables.

    What is built beside others' work waits for them to end, but nothing waits for that.
    """
    if statement.lstrip().startswith(_CHANGES):
        wait_ms = 0 if "CONCURRENTLY" in statement else _LOCK_WAIT_MS
        cursor.execute(f"SET lock_timeout = {wait_ms}")


def _log_step(*, step: Any, **_: Any) -> None:
    direction = "up" if step.is_upgrade else "down"
    logger.info("migrated", extra={"revision": step.up_revision_id, "direction": direction})


run()
