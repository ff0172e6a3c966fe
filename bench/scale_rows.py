"""Rows for `bench.scale`, made by SQL: 100 activities an athlete, eight best efforts an activity."""

import sys
import time

import psycopg

ACTIVITIES_OF_EACH = 100
EFFORTS_OF_EACH = 8
TABLES = ("athletes", "activities", "best_efforts", "personal_bests")
_AT_ONCE = 250_000
_AS_A_REPLICA = "SET session_replication_role = replica"
"""Without triggers but the one that keeps JSON: the rows refer to each other as they should."""
_ATHLETES = """
    CREATE TEMPORARY TABLE scaled ON COMMIT PRESERVE ROWS AS
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
    INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at,
        started_at_local, timezone, distance_m, moving_time_s, elapsed_time_s, elevation_gain_m,
        average_heart_rate_bpm, max_heart_rate_bpm, visibility, streams_state, efforts_version,
        confirmed_at)
    SELECT s.id, 'STRAVA', 20000000000 + n, 'Morning Run ' || n,
        CASE WHEN n % 10 = 0 THEN 'Ride' ELSE 'Run' END, start, start AT TIME ZONE 'UTC', 'UTC',
        3000 + (hashint8(n) & 1048575) / 50.0, 900 + (hashint8(n) & 4095),
        950 + (hashint8(n) & 4095), n % 400, 120 + n % 50, 150 + n % 50,
        CASE WHEN n % 7 = 0 THEN 'ONLY_ME' ELSE 'EVERYONE' END, 'ABSENT', 1, start
    FROM generate_series({first}, {last}) n JOIN scaled s ON s.number = n % {athletes},
        LATERAL (SELECT timestamptz '2026-06-01 06:00Z' - (n / {athletes}) * interval '29 hours'
            - n % 86400 * interval '1 s' AS start) l
"""
_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
        start_offset_s, achieved_at, provenance, implied, counts, counts_for_others, age_on_day,
        age_grade_sex, age_grade_table, open_standard_s, age_standard_s, age_grade_percent)
    SELECT a.athlete_id, a.id, d.name, d.meters,
        d.meters * (0.2 + (hashint8(a.id + d.meters::bigint) & 1023) / 5000.0), 0, a.started_at,
        'STREAM', false, true, a.visibility = 'EVERYONE', 45, 'FEMALE', 'ROAD_2025',
        d.meters * 0.15, d.meters * 0.16, 40 + (hashint8(a.id) & 1023) / 20.0
    FROM activities a, (VALUES ('M400', 400), ('M800', 800), ('M1500', 1500), ('MILE1', 1609.344),
        ('KM5', 5000), ('KM10', 10000), ('HALF_MARATHON', 21097.5), ('MARATHON', 42195)) d (name, meters)
    WHERE a.strava_id BETWEEN 20000000000 + {first} AND 20000000000 + {last}
"""
_BESTS = """
    INSERT INTO personal_bests (id, athlete_id, activity_id, distance, distance_m, elapsed_s,
        achieved_at, age_grade_percent, is_current, for_others, is_current_for_others)
    SELECT DISTINCT ON (athlete_id, distance) id, athlete_id, activity_id, distance, distance_m,
        elapsed_s, achieved_at, age_grade_percent, true, counts_for_others, counts_for_others
    FROM best_efforts WHERE athlete_id IN (SELECT id FROM scaled)
    ORDER BY athlete_id, distance, elapsed_s
"""
_INDEXES = """
    SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(%s::regclass[]) AND NOT i.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
"""
_SIZES = """
    SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid)
    FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY relname
"""
_INDEX_SIZES = """
    SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes
    WHERE relname = ANY(%s) ORDER BY 2 DESC
"""


def write(dsn: str, activities: int) -> None:
    """Write as many activities, with their athletes, efforts and bests.

    Indexes that enforce nothing are made at the end, which takes a fraction of the time.
    """
    athletes = max(1, activities // ACTIVITIES_OF_EACH)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_AS_A_REPLICA)
        indexes = connection.execute(_INDEXES, [list(TABLES)]).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")  # type: ignore[call-overload]
        _run(connection, _ATHLETES, athletes=athletes)
        for first in range(1, activities + 1, _AT_ONCE):
            last = min(activities, first + _AT_ONCE - 1)
            _run(connection, _ACTIVITIES, first=first, last=last, athletes=athletes)
        connection.execute("CREATE INDEX made_ids ON activities (strava_id)")
        for first in range(1, activities + 1, _AT_ONCE):
            _run(connection, _EFFORTS, first=first, last=min(activities, first + _AT_ONCE - 1))
        connection.execute("DROP INDEX made_ids")
        _run(connection, _BESTS)
        connection.execute("SET maintenance_work_mem = '1GB'")
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM (FREEZE, ANALYZE)")


def _run(connection: psycopg.Connection, statement: str, **numbers: int) -> None:
    began = time.monotonic()
    connection.execute(statement.format(**numbers).encode())
    kind = statement.split("INSERT INTO ")[1].split(maxsplit=1)[0]
    print(f"{kind} {numbers}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def sizes(dsn: str) -> tuple[list[tuple[str, int, int, int]], list[tuple[str, int]]]:
    """Get rows, bytes and bytes of indexes of each table; and bytes of each index, largest first."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(_SIZES, [list(TABLES)]).fetchall()
        indexes = connection.execute(_INDEX_SIZES, [list(TABLES)]).fetchall()
    return tables, indexes


def vacuum_s(dsn: str) -> float:
    """Change one row in a hundred, and clean up after that; returns the seconds of the VACUUM."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE activities SET notes = 'x' WHERE strava_id % 100 = 0")
        began = time.monotonic()
        connection.execute("VACUUM activities")
        return time.monotonic() - began
