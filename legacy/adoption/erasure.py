"""A function in the database that deletes what the older service's tables have of an athlete.

Jobs call it where it is there (`db/statements/athletes/erasure.py`), so they know nothing of these tables,
and nothing is left to call once `legacy` is gone.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, text

from legacy.adoption.ledger import lock_adoption
from legacy.adoption.old_row import columns_of
from legacy.adoption.old_table import OldTable, quoted

# Each table apart, because the older service may have others that refer to it.
_FUNCTION = """
    CREATE OR REPLACE FUNCTION legacy.erase_athlete(erased bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '5s' AS $$
    DECLARE
        athletes text[];
        activities text[];
        statement text;
        kept integer := 0;
    BEGIN
        SELECT coalesce(array_agg(old_id), '{{}}') INTO athletes
        FROM legacy.ids WHERE kind = 'athlete' AND new_id = erased;
        EXECUTE {activities} INTO activities USING athletes;
        FOREACH statement IN ARRAY ARRAY[{deletions}]::text[] LOOP
            BEGIN
                EXECUTE statement USING athletes, activities;
            EXCEPTION WHEN OTHERS THEN
                kept := kept + 1;
            END;
        END LOOP;
        DELETE FROM legacy.adopted WHERE kind = 'athlete' AND old_id = ANY(athletes)
            OR kind = 'activity' AND old_id = ANY(activities);
        DELETE FROM legacy.kept_aside WHERE source LIKE 'athlete%' AND old_id = ANY(athletes)
            OR source LIKE 'activity%' AND old_id = ANY(activities)
            OR old_row ->> 'athlete_id' = ANY(athletes) OR old_row ->> 'user_id' = ANY(athletes)
            OR old_row ->> 'activity_id' = ANY(activities);
        DELETE FROM legacy.ids WHERE kind = 'activity' AND old_id = ANY(activities)
            AND NOT EXISTS (SELECT FROM public.activities WHERE activities.id = ids.new_id);
        RETURN kept;
    END $$
"""


def create_function(connection: Connection, tables: Mapping[str, OldTable]) -> None:
    """Create it for the old tables, given by kind, or replace it."""
    lock_adoption(connection)  # two processes that create the function at once would fail
    deletions = ", ".join(_literal(each) for each in _deletions(tables))
    body = _FUNCTION.format(activities=_literal(_activities(tables)), deletions=deletions)
    connection.execute(text(body))


def _activities(tables: Mapping[str, OldTable]) -> str:
    activity = tables["activity"]
    assert activity.key is not None
    mine = _belongs(activity, "activity", "athlete_id", 1)
    found = f"coalesce(array_agg({quoted(activity.key)}::text), '{{}}')"
    return f"SELECT {found} FROM {activity.sql} WHERE {mine or 'false'}"


def _deletions(tables: Mapping[str, OldTable]) -> Iterator[str]:
    """Make a statement for each table, those first that refer to others.

    $1 are the athlete's old ids, $2 those of the activities.
    """
    for kind in ("personal_best", "best_effort", "activity"):
        table = tables.get(kind)
        if table is None:
            continue
        found = (
            _belongs(table, kind, "athlete_id", 1),
            _belongs(table, kind, "activity_id", 2) if kind == "best_effort" else None,
        )
        if conditions := [each for each in found if each]:
            yield f"DELETE FROM {table.sql} WHERE {' OR '.join(conditions)}"
    athlete = tables["athlete"]
    assert athlete.key is not None
    mine = _is_among(athlete, athlete.key, 1)
    yield f"DELETE FROM {athlete.sql} WHERE {mine}"


def _belongs(table: OldTable, kind: str, field: str, parameter: int) -> str | None:
    column = columns_of(kind, table.types).get(field)
    return None if column is None else _is_among(table, column, parameter)


def _is_among(table: OldTable, column: str, parameter: int) -> str:
    return f"{quoted(column)} = ANY(${parameter}::{table.types[column]}[])"


def _literal(sql: str) -> str:
    return "'" + sql.replace("'", "''") + "'"
