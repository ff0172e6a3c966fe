"""Rows of others for `bench.list_growth`: activities, athletes with bests, jobs."""

import psycopg

RUNS_OF_ATHLETE, JOBS_OF_ATHLETE = 200, 20
_FOUND = "SELECT EXISTS (SELECT FROM athletes WHERE city = 'Grown')"
_AS_A_REPLICA = "SET LOCAL session_replication_role = replica"
"""Without triggers: nothing is cached yet, and the rows refer to each other as they should."""
_ATHLETES = """
    INSERT INTO athletes (first_name, last_name, sex, birth_date, city, country, shares,
        shares_age_grades, created_at)
    SELECT (ARRAY['Ana', 'Bo', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gil', 'Hana', 'Ivo', 'Mary'])[1 + h %% 10],
        (ARRAY['Silva', 'Berg', 'Costa', 'Diaz', 'Ek', 'Fuchs', 'Mariani'])[1 + h %% 7] || ' ' || n,
        (ARRAY['FEMALE', 'MALE', NULL])[1 + h %% 3], date '1950-01-01' + h %% 20000, 'Grown',
        CASE WHEN h %% 5000 = 0 THEN 'NZ' ELSE (ARRAY['PT', 'GB', 'DE', 'FR'])[1 + h %% 4] END,
        true, h %% 2 = 0, timestamptz '2026-01-01' - n * interval '1 minute'
    FROM generate_series(1, %(athletes)s) n, LATERAL (SELECT hashint4(n) & 1073741823 AS h) hashed
"""
_GEAR = """
    INSERT INTO gear (athlete_id, strava_id, name)
    SELECT id, 'g1', 'Shoes' FROM athletes WHERE city = 'Grown'
"""
_NUMBERED = """
    CREATE TEMPORARY TABLE grown ON COMMIT DROP AS
    SELECT a.id, g.id AS gear_id, row_number() OVER () AS place
    FROM athletes a JOIN gear g ON g.athlete_id = a.id WHERE city = 'Grown'
"""
_ACTIVITIES = """
    INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at,
        started_at_local, timezone, distance_m, moving_time_s, elapsed_time_s, elevation_gain_m,
        average_heart_rate_bpm, visibility, streams_state, gear_id)
    SELECT grown.id, CASE WHEN h %% 100 = 0 THEN 'FILE' ELSE 'STRAVA' END,
        CASE WHEN h %% 100 > 0 THEN n END,
        (ARRAY['Morning', 'Lunch', 'Evening', 'Long', 'Easy'])[1 + k %% 5] || ' '
            || (ARRAY['Run', 'Run', 'Jog', 'Session', 'Miles'])[1 + h %% 5] || ' ' || n,
        (ARRAY['Run', 'Run', 'Run', 'Run', 'Run', 'Ride', 'Walk', 'TrailRun', 'Swim', 'Hike'])[1 + k %% 10],
        start, start AT TIME ZONE 'UTC', 'UTC', 1000 + h %% 20000, 300 + k %% 6000,
        350 + k %% 6000, h %% 400, 120 + h %% 50,
        (ARRAY['ONLY_ME', 'FOLLOWERS_ONLY', 'EVERYONE', 'EVERYONE', 'EVERYONE'])[1 + h %% 5], 'ABSENT',
        CASE WHEN k %% 3 = 0 THEN grown.gear_id END
    FROM generate_series(1, %(rows)s) n
    JOIN grown ON grown.place = 1 + n %% %(athletes)s,
    LATERAL (SELECT hashint4(n) & 1073741823 AS h, hashint4(n + 1000000000) & 1073741823 AS k) hashed,
    LATERAL (SELECT timestamptz '2026-01-01' - k %% 3650 * interval '1 day' - h %% 86400 * interval '1 s'
        AS start) started
"""
_DUPLICATES = """
    UPDATE activities a SET duplicate_of_id = b.id FROM activities b JOIN grown ON b.athlete_id = grown.id
    WHERE a.strava_id %% 50 = 0 AND a.athlete_id = b.athlete_id AND b.strava_id = a.strava_id - %(athletes)s
"""
_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
        start_offset_s, achieved_at, provenance, implied, counts, counts_for_others, age_on_day,
        age_grade_sex, age_grade_table, open_standard_s, age_standard_s, age_grade_percent)
    SELECT athlete_id, id, d.name, d.meters, d.meters * (0.18 + (hashint8(id) & 1023) / 5000.0), 0,
        started_at, 'STREAM', false, true, true, 20 + (hashint8(id) & 63), 'FEMALE', 'ROAD_2025',
        d.meters * 0.15, d.meters * 0.16, 40 + (hashint8(id) & 31)
    FROM (SELECT DISTINCT ON (athlete_id) a.* FROM activities a JOIN grown ON a.athlete_id = grown.id
          WHERE visibility = 'EVERYONE' AND duplicate_of_id IS NULL ORDER BY athlete_id) a,
        (VALUES ('KM5', 5000), ('KM10', 10000), ('HALF_MARATHON', 21097.5)) d (name, meters)
"""
_BESTS = """
    INSERT INTO personal_bests (id, athlete_id, activity_id, distance, distance_m, elapsed_s,
        achieved_at, age_grade_percent, age_on_day, is_current, for_others, is_current_for_others)
    SELECT e.id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at,
        age_grade_percent, age_on_day, true, true, true
    FROM best_efforts e JOIN grown ON e.athlete_id = grown.id
"""
_JOBS = """
    INSERT INTO jobs (kind, status, athlete_id, created_at, finished_at)
    SELECT CASE WHEN h %% 1000 = 0 THEN 'EXPORT' WHEN h %% 3 = 0 THEN 'STRAVA_SYNC' ELSE 'STRAVA_WEBHOOK' END,
        CASE WHEN h %% 500 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END, grown.id, at, at
    FROM generate_series(1, %(jobs)s) n JOIN grown ON grown.place = 1 + n %% %(athletes)s,
    LATERAL (SELECT hashint4(n) & 1073741823 AS h, timestamptz '2026-01-01' - n * interval '1 s' AS at) hashed
"""
_SHARE = (
    "UPDATE athletes SET shares = %(all)s OR last_name = 'Measured' WHERE shares <> "
    "(%(all)s OR last_name = 'Measured')"
)


def provide_others(dsn: str, rows: int) -> int:
    """Write `rows` activities of others unless they exist; returns how many activities there are."""
    values = {"rows": rows, "athletes": max(1, rows // RUNS_OF_ATHLETE)}
    values["jobs"] = JOBS_OF_ATHLETE * values["athletes"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        (exists,) = connection.execute(_FOUND).fetchone() or (False,)
        if not exists:
            with connection.transaction():
                connection.execute(_AS_A_REPLICA)
                for statement in (
                    _ATHLETES, _GEAR, _NUMBERED, _ACTIVITIES, _DUPLICATES, _EFFORTS, _BESTS, _JOBS,
                ):  # fmt: skip
                    connection.execute(statement, values)
            connection.execute("VACUUM (FREEZE, ANALYZE)")
        (count,) = connection.execute("SELECT count(*) FROM activities").fetchone() or (0,)
        return int(count)


def let_share(dsn: str, *, all_athletes: bool) -> None:
    """Let all athletes share their data, or only those that are measured."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.transaction():
            connection.execute(_AS_A_REPLICA)
            connection.execute(_SHARE, {"all": all_athletes})
        connection.execute("VACUUM (ANALYZE) athletes")
