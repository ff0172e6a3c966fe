"""Rows for `bench.scale`, made by SQL: 100 activities an athlete, eight best efforts an activity.

Keys, indexes and references of the large tables are taken away first and made again at the end, which
takes a fraction of the time, by a server that is not durable. What was interrupted goes on where it
was.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from local.postgres import start_postgres

ACTIVITIES_OF_EACH = 100
EFFORTS_OF_EACH = 8
TABLES = ("athletes", "activities", "best_efforts", "personal_bests")
_PARTS = (
    "activity_streams",
    "activity_stream_levels",
    "activity_splits",
    "activity_routes",
    "activity_heart_rates",
)
_LARGE = ["activities", "best_efforts", "personal_bests"]
_AT_ONCE = 100_000
_SETTINGS = (
    "SET session_replication_role = replica",
    "SET maintenance_work_mem = '1GB'",
    "SET work_mem = '512MB'",
)
"""Without triggers but the one that keeps JSON: the rows refer to each other as they should."""
_STEPS = """
    CREATE TABLE IF NOT EXISTS scale_steps (name text PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS scale_taken (
        number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, taking text, giving text
    );
"""
_CONSTRAINTS = """
    INSERT INTO scale_taken (taking, giving)
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
        format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
            pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = ANY(%(kinds)s)
    AND (conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[]))
    ORDER BY conname
"""
_INDEXES = """
    INSERT INTO scale_taken (taking, giving)
    SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index i
    WHERE indrelid = ANY(%(tables)s::regclass[])
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    ORDER BY indexrelid::regclass::text
"""
_TAKEN = "SELECT taking FROM scale_taken ORDER BY number"
_TO_GIVE = "SELECT number, giving FROM scale_taken ORDER BY number DESC"
_GIVEN = "DELETE FROM scale_taken WHERE number = %s"
_DONE = "INSERT INTO scale_steps VALUES (%s) ON CONFLICT DO NOTHING RETURNING name"
_NO_STEPS = "DROP TABLE scaled, scale_steps, scale_taken"
_ATHLETES = """
    CREATE UNLOGGED TABLE scaled AS
    WITH made AS (
        INSERT INTO athletes (first_name, last_name, sex, birth_date, city, country, shares,
            shares_age_grades)
        SELECT 'First' || n, 'Scaled' || n, CASE n % 2 WHEN 0 THEN 'FEMALE' ELSE 'MALE' END,
            date '1950-01-01' + n * 7919 % 20000, 'City' || n % 500, 'PT', n % 4 > 0, n % 8 > 0
        FROM generate_series(1, {athletes}) n RETURNING id
    )
    SELECT id, row_number() OVER () - 1 AS number FROM made
"""
_ACTIVITIES = """
    WITH a AS (
        INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at,
            started_at_local, timezone, distance_m, moving_time_s, elapsed_time_s,
            elevation_gain_m, average_heart_rate_bpm, max_heart_rate_bpm, visibility,
            streams_state, efforts_version, confirmed_at)
        SELECT s.id, 'STRAVA', 20000000000 + n, 'Morning Run ' || n,
            CASE WHEN n % 10 = 0 THEN 'Ride' ELSE 'Run' END, start, start AT TIME ZONE 'UTC', 'UTC',
            3000 + (hashint8(n) & 1048575) / 50.0, 900 + (hashint8(n) & 4095),
            950 + (hashint8(n) & 4095), n % 400, 120 + n % 50, 150 + n % 50,
            CASE WHEN n % 7 = 0 THEN 'ONLY_ME' ELSE 'EVERYONE' END, 'ABSENT', 1, start
        FROM generate_series({first}, {last}) n JOIN scaled s ON s.number = n % {athletes},
            LATERAL (SELECT timestamptz '2026-06-01 06:00Z' - (n / {athletes}) * interval '29 hours'
                - n % 86400 * interval '1 s' AS start) l
        RETURNING id, athlete_id, started_at, visibility
    )
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
        start_offset_s, achieved_at, provenance, implied, counts, counts_for_others, age_on_day,
        age_grade_sex, age_grade_table, open_standard_s, age_standard_s, age_grade_percent)
    SELECT a.athlete_id, a.id, d.name, d.meters,
        d.meters * (0.2 + (hashint8(a.id + d.meters::bigint) & 1023) / 5000.0), 0, a.started_at,
        'STREAM', false, true, a.visibility = 'EVERYONE', 45, 'FEMALE', 'ROAD_2025',
        d.meters * 0.15, d.meters * 0.16, 40 + (hashint8(a.id) & 1023) / 20.0
    FROM a, (VALUES ('M400', 400), ('M800', 800), ('M1500', 1500), ('MILE1', 1609.344),
        ('KM5', 5000), ('KM10', 10000), ('HALF_MARATHON', 21097.5), ('MARATHON', 42195)) d (name, meters)
"""
_BESTS = """
    INSERT INTO personal_bests (id, athlete_id, activity_id, distance, distance_m, elapsed_s,
        achieved_at, age_grade_percent, age_on_day, is_current, for_others, is_current_for_others)
    SELECT DISTINCT ON (athlete_id, distance) id, athlete_id, activity_id, distance, distance_m,
        elapsed_s, achieved_at, age_grade_percent, age_on_day, true, counts_for_others, counts_for_others
    FROM best_efforts WHERE athlete_id IN (SELECT id FROM scaled)
    ORDER BY athlete_id, distance, elapsed_s
"""
_SIZES = """
    SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid)
    FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY relname
"""
_PART_SIZES = """
    SELECT count(*), count(DISTINCT activity_id), pg_table_size('{table}'), pg_indexes_size('{table}')
    FROM {table}
"""
_INDEX_SIZES = """
    SELECT indexrelname, pg_relation_size(indexrelid), idx_scan FROM pg_stat_user_indexes
    WHERE relname = ANY(%s) ORDER BY 2 DESC
"""


def write(home: Path, activities: int) -> None:
    """Write as many activities, with their athletes, efforts and bests, beside what is in `home`."""
    athletes = max(1, activities // ACTIVITIES_OF_EACH)
    postgres = start_postgres(home, durable=False)
    try:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            for each in (*_SETTINGS, _STEPS):
                connection.execute(each.encode())
            _once(connection, "keys and indexes", lambda: _take_away(connection))
            _once(connection, "athletes", lambda: _run(connection, _ATHLETES, athletes=athletes))
            for first in range(1, activities + 1, _AT_ONCE):
                part = {"first": first, "last": min(activities, first + _AT_ONCE - 1)}
                _once(
                    connection,
                    f"activities from {first}",
                    lambda part=part: _run(connection, _ACTIVITIES, **part, athletes=athletes),
                )
            _once(connection, "bests", lambda: _run(connection, _BESTS))
            _give_back(connection)
            _run(connection, "VACUUM (FREEZE, ANALYZE)")
            connection.execute(_NO_STEPS)
    finally:
        postgres.stop()


def _once(connection: psycopg.Connection, name: str, step: Callable[[], None]) -> None:
    """Take a step in a transaction, unless it was taken before."""
    with connection.transaction():
        if connection.execute(_DONE, [name]).fetchone() is None:
            return
        began = time.monotonic()
        step()
    _tell(name, began)


def _take_away(connection: psycopg.Connection) -> None:
    # What is taken away last is given back first: keys before what refers to them.
    for kinds in (["f"], ["p", "u"]):
        connection.execute(_CONSTRAINTS, {"kinds": kinds, "tables": _LARGE})
    connection.execute(_INDEXES, {"tables": _LARGE})
    for (statement,) in connection.execute(_TAKEN).fetchall():
        connection.execute(statement)


def _give_back(connection: psycopg.Connection) -> None:
    for number, statement in connection.execute(_TO_GIVE).fetchall():
        began = time.monotonic()
        with connection.transaction():
            connection.execute(statement)
            connection.execute(_GIVEN, [number])
        _tell(statement, began)


def _run(connection: psycopg.Connection, statement: str, **numbers: int) -> None:
    connection.execute(statement.format(**numbers).encode())


def _tell(what: str, began: float) -> None:
    print(f"{time.monotonic() - began:6.1f} s: {what}", file=sys.stderr, flush=True)


def sizes(dsn: str) -> tuple[list[tuple[str, int, int, int]], list[tuple[str, int, int]]]:
    """Get rows, bytes and bytes of indexes of each table; and of each index its bytes and scans.

    The largest index comes first.
    """
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(_SIZES, [list(TABLES)]).fetchall()
        indexes = connection.execute(_INDEX_SIZES, [list(TABLES)]).fetchall()
    return tables, indexes


def part_sizes(home: Path) -> tuple[list[tuple[str, int, int, int, int]], int]:
    """Get rows, activities, bytes and bytes of indexes of each part that samples have.

    Also returns how many activities there are.
    """
    postgres = start_postgres(home, durable=False)
    try:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            found = [
                (table, connection.execute(_PART_SIZES.format(table=table).encode()).fetchone())
                for table in _PARTS
            ]
            count = connection.execute("SELECT count(*) FROM activities").fetchone()
    finally:
        postgres.stop()
    assert count is not None
    return [(table, *row) for table, row in found if row is not None], count[0]


def vacuum_s(dsn: str) -> float:
    """Change one row in a hundred, and clean up after that; returns the seconds of the VACUUM."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE activities SET notes = 'x' WHERE strava_id % 100 = 0")
        began = time.monotonic()
        connection.execute("VACUUM activities")
        return time.monotonic() - began
