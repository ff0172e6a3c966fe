"""`pacegraph migrate`: migrates the database, and asks before it drops anything."""

import logging

from alembic.util import CommandError
from sqlalchemy.exc import OperationalError

import logs
from db.errors import DatabaseError
from operator_commands.confirmation import confirm
from operator_commands.migrations import data_lost, downgrade, upgrade
from operator_commands.partition_tables import are_partitioned
from settings import Settings


def migrate(settings: Settings, *, target: str | None, is_down: bool, yes: bool) -> int:
    """Migrate to `target`; None is the newest, or one step back if `is_down`.

    Returns 0, or 1 if the migrations stopped or were not wanted. `yes` asks nothing.
    """
    try:
        if is_down:
            if are_partitioned(settings):
                logs.tell(
                    "steps down are for tables without partitions. Before: pacegraph "
                    "partition-tables --partitions 1 (or --cancel, if it was not done)"
                )
                return 1
            target = target or "-1"
            dropped = data_lost(settings, target)
            named = ", ".join(
                f"{name} ({count} {'values' if '.' in name else 'rows'})"
                for name, count in dropped.items()
            )
            question = f"Only a backup brings back what this drops: {named}"
            if dropped and not confirm(question, yes=yes):
                return 1
            downgrade(settings, target)
        else:
            upgrade(settings, target or "head")
    except CommandError as error:
        logs.tell(str(error))
        return 1
    except (OperationalError, DatabaseError) as error:
        reason, _, _ = str(getattr(error, "orig", error)).partition("\n")
        logs.tell(f"the migrations stopped: {reason}")
        return 1
    logging.getLogger("pacegraph.migration").info("the migrations are done")
    return 0
