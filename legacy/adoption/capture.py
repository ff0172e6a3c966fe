"""What the older service writes while its rows are copied, and after: triggers note the ids of rows in legacy.changes.

Complete, because a trigger is made under a lock that waits for all who are writing to the table: what they wrote is
committed before the copy reads, and whoever writes later is noted, in the writer's own transaction. A note is taken off
the list in the transaction that reads the row anew. The triggers fire for replicated rows too.
"""

from sqlalchemy import Connection, text

from legacy.adoption.bookkeeping import take_turn
from legacy.adoption.mapping import Mapper
from legacy.adoption.old_table import OldTable, quoted

__all__ = ["is_noting", "note_changes", "stop_noting"]

_TRIGGER = "pacegraph_adoption"
# Only the id is read, for whatever cannot be read would fail the older service's write.
# The older service's role need not know schema `legacy`: the function acts for its owner.
_FUNCTION = """
    CREATE OR REPLACE FUNCTION legacy.note_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DECLARE
        old_id text;
        new_id text;
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            INSERT INTO legacy.changes (source) VALUES (TG_ARGV[0]);
            RETURN NULL;
        END IF;
        IF TG_OP <> 'INSERT' THEN
            EXECUTE pg_catalog.format('SELECT ($1).%I::text', TG_ARGV[1]) INTO old_id USING OLD;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            EXECUTE pg_catalog.format('SELECT ($1).%I::text', TG_ARGV[1]) INTO new_id USING NEW;
        END IF;
        INSERT INTO legacy.changes (source, old_id)
        SELECT DISTINCT TG_ARGV[0], changed FROM unnest(ARRAY[old_id, new_id]) AS changed WHERE changed IS NOT NULL;
        RETURN NULL;
    END $$
"""
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"


def _watched(table: OldTable, mapper: Mapper) -> tuple[str, str] | None:
    """Which kind of row a table's changes concern, and the column with its id."""
    if table.kind in {"athlete", "activity", "feedback"} and table.key:
        return table.kind, table.key
    if table.kind == "best_effort" and mapper.has("best_effort", "activity_id"):
        return "activity", mapper.column("best_effort", "activity_id")
    return None


def is_noting(connection: Connection, table: OldTable) -> bool:
    """Whether the table's triggers are there, enabled for all writers."""
    statement = text(
        "SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = CAST(:name AS regclass) "
        "AND tgname = ANY(:triggers) AND tgenabled = 'A'"
    )
    return bool(
        connection.execute(
            statement, {"name": table.sql.replace("\\:", ":"), "triggers": [_TRIGGER, f"{_TRIGGER}_truncate"]}
        ).scalar_one()
    )


def note_changes(connection: Connection, table: OldTable, mapper: Mapper) -> bool:
    """Make the triggers of a table, unless they are there; whether they were made. Fails after 2 s behind a lock."""
    take_turn(connection)  # two who made the same function at once would fail
    watched = _watched(table, mapper)
    if watched is None or is_noting(connection, table):
        return False
    connection.execute(text(_LOCK_TIMEOUT))
    connection.execute(text(_FUNCTION))
    arguments = ", ".join("'" + each.replace("'", "''").replace(":", "\\:") + "'" for each in watched)
    for name, events, level in (
        (_TRIGGER, "INSERT OR UPDATE OR DELETE", "ROW"),
        (f"{_TRIGGER}_truncate", "TRUNCATE", "STATEMENT"),
    ):
        connection.execute(
            text(
                f"CREATE OR REPLACE TRIGGER {name} AFTER {events} ON {table.sql} "
                f"FOR EACH {level} EXECUTE FUNCTION legacy.note_change({arguments})"
            )
        )
        connection.execute(text(f"ALTER TABLE {table.sql} ENABLE ALWAYS TRIGGER {name}"))
    return True


def stop_noting(connection: Connection, tables: list[OldTable]) -> None:
    """Drop the triggers; nobody writes to the tables until the commit. Fails after 2 s behind a lock."""
    connection.execute(text(_LOCK_TIMEOUT))
    for table in tables:
        for name in (_TRIGGER, f"{_TRIGGER}_truncate"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name} ON {table.sql}"))


def hold(connection: Connection, tables: list[OldTable]) -> None:
    """Let nobody write to the tables until the commit. Fails after 2 s behind a lock."""
    connection.execute(text(_LOCK_TIMEOUT))
    for table in tables:
        connection.execute(text(f"LOCK TABLE {quoted(table.schema)}.{quoted(table.name)} IN ACCESS EXCLUSIVE MODE"))
