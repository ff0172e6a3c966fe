"""Triggers on the old tables that record the ids of changed rows in legacy.changes.

No change is missed: creating a trigger locks the table and so waits for open transactions, which
commit before the copy reads. Later transactions fire the trigger. A change is deleted in the
transaction that reads its row again. The triggers also fire for replicated rows.
"""

from sqlalchemy import Connection, text

from legacy.adoption.ledger import lock_adoption
from legacy.adoption.old_table import OldTable, quoted
from legacy.adoption.row_mapping import RowMapper

_TRIGGER = "pacegraph_adoption"
# Only the id is read: an error here would fail the older service's write. SECURITY DEFINER,
# because the older service's role may have no rights in schema `legacy`.
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
        SELECT DISTINCT TG_ARGV[0], changed
        FROM unnest(ARRAY[old_id, new_id]) AS changed WHERE changed IS NOT NULL;
        RETURN NULL;
    END $$
"""
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"


def _watched(table: OldTable, mapper: RowMapper) -> tuple[str, str] | None:
    """Get the kind of row that a table's changes concern, and the column with its id."""
    if table.kind in {"athlete", "activity", "feedback"} and table.key:
        return table.kind, table.key
    if table.kind == "best_effort" and mapper.has("best_effort", "activity_id"):
        return "activity", mapper.column("best_effort", "activity_id")
    return None


def has_triggers(connection: Connection, table: OldTable) -> bool:
    """Whether the table's triggers exist and are enabled for all writers."""
    statement = text(
        "SELECT count(*) = 2 FROM pg_trigger WHERE tgrelid = CAST(:name AS regclass) "
        "AND tgname = ANY(:triggers) AND tgenabled = 'A'"
    )
    return bool(
        connection.execute(
            statement,
            {"name": table.sql.replace("\\:", ":"), "triggers": [_TRIGGER, f"{_TRIGGER}_truncate"]},
        ).scalar_one()
    )


def create_triggers(connection: Connection, table: OldTable, mapper: RowMapper) -> bool:
    """Create the triggers of a table, and tell whether they were missing.

    Fails if the table's lock takes longer than 2 s.
    """
    lock_adoption(connection)  # two processes that create the function at once would fail
    watched = _watched(table, mapper)
    if watched is None or has_triggers(connection, table):
        return False
    connection.execute(text(_LOCK_TIMEOUT))
    connection.execute(text(_FUNCTION))
    arguments = ", ".join(
        "'" + each.replace("'", "''").replace(":", "\\:") + "'" for each in watched
    )
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


def drop_triggers(connection: Connection, tables: list[OldTable]) -> None:
    """Drop the triggers, which locks the tables until commit. Fails if a lock takes over 2 s."""
    connection.execute(text(_LOCK_TIMEOUT))
    for table in tables:
        for name in (_TRIGGER, f"{_TRIGGER}_truncate"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name} ON {table.sql}"))


def lock_tables(connection: Connection, tables: list[OldTable]) -> None:
    """Lock the tables until commit. Fails if a lock takes over 2 s."""
    connection.execute(text(_LOCK_TIMEOUT))
    for table in tables:
        connection.execute(
            text(f"LOCK TABLE {quoted(table.schema)}.{quoted(table.name)} IN ACCESS EXCLUSIVE MODE")
        )
