"""What activities, athletes and jobs hold, for `bench.work_per_point`: rows of measured athletes."""

import psycopg

from bench.recording import three_hours
from jobs.sync.stored_streams import EncodedStreams

_STREAMS_OF = 200
"""The newest activities of each athlete have samples."""
_SHOES, _JOBS, _PROBLEMS, _TOKENS = 20, 200, 200, 50
_ROUTE_POINTS = 300

_GEAR = """
    INSERT INTO gear (athlete_id, strava_id, name, stated_distance_m)
    SELECT %(athlete)s, 'g' || n, 'Shoes ' || n, 1000 * n FROM generate_series(1, %(shoes)s) n
"""
_WORN = """
    UPDATE activities a SET gear_id = g.id FROM gear g
    WHERE a.athlete_id = %(athlete)s AND g.athlete_id = a.athlete_id
    AND g.strava_id = 'g' || 1 + a.strava_id %% %(shoes)s
"""
_LAPS = """
    INSERT INTO activity_laps (activity_id, athlete_id, lap_number, start_offset_s, elapsed_time_s,
        moving_time_s, distance_m, average_heart_rate_bpm)
    SELECT id, athlete_id, n, 300 * (n - 1), 310, 300, 1000, 150
    FROM activities, generate_series(1, 10) n WHERE athlete_id = %(athlete)s
"""
_SPLITS = """
    INSERT INTO activity_splits (activity_id, athlete_id, unit, split_number, start_offset_s,
        distance_m, elapsed_time_s, moving_time_s, is_partial, average_heart_rate_bpm,
        elevation_change_m, level_distance_m)
    SELECT id, athlete_id, unit, n, 300 * (n - 1), 1000, 310, 300, false, 150, 10, 1060
    FROM activities, unnest(ARRAY['KILOMETER', 'MILE']) unit, generate_series(1, 10) n
    WHERE athlete_id = %(athlete)s
"""
_ROUTES = """
    INSERT INTO activity_routes (activity_id, athlete_id, latitudes, longitudes)
    SELECT id, athlete_id, latitudes, longitudes FROM activities, (
        SELECT array_agg(46000000 + 150 * n) AS latitudes,
            array_agg((7000000 + 20000 * sin(n / 30.0))::int) AS longitudes
        FROM generate_series(1, %(points)s) n) points
    WHERE athlete_id = %(athlete)s
"""
_HEART_RATES = """
    INSERT INTO activity_heart_rates (activity_id, athlete_id, lowest_bpm, seconds)
    SELECT id, athlete_id, 90, array_fill(30.0::float8, ARRAY[100])
    FROM activities WHERE athlete_id = %(athlete)s
"""
_ZONES = """
    INSERT INTO heart_rate_zones (athlete_id, valid_from, zone_number, lowest_bpm)
    SELECT %(athlete)s, make_date(2000 - 5 * y, 1, 1), n, (ARRAY[0, 115, 135, 155, 175])[n] + y
    FROM generate_series(0, 9) y, generate_series(1, 5) n
"""
_RESERVE = """
    UPDATE athletes SET resting_heart_rate_bpm = 50, max_heart_rate_bpm = 190, sex = coalesce(sex, 'MALE')
    WHERE id = %(athlete)s
"""
_CONNECTION = """
    INSERT INTO strava_connections (athlete_id, strava_athlete_id, scopes, access_token,
        refresh_token, token_expires_at)
    VALUES (%(athlete)s, %(athlete)s, '{read,activity:read_all}', %(token)s, %(token)s,
        '2100-01-01')
    RETURNING id
"""
_OLD_JOBS = """
    INSERT INTO jobs (kind, status, athlete_id, created_at, finished_at)
    SELECT 'STRAVA_SYNC', 'SUCCEEDED', %(athlete)s, day, day
    FROM generate_series(1, %(jobs)s) n, LATERAL (SELECT timestamptz '2026-01-01' - n * interval '1 day' AS day) d
"""
_IMPORT = """
    INSERT INTO jobs (kind, status, athlete_id, finished_at)
    VALUES ('IMPORT', 'SUCCEEDED', %(athlete)s, now()) RETURNING id
"""
_ENTRIES = """
    INSERT INTO import_entries (job_id, athlete_id, position, path, outcome, message, activity_id)
    SELECT %(job)s, athlete_id, row_number() OVER (ORDER BY id), 'runs/' || strava_id || '.fit',
        'IMPORTED', 'A run.', id
    FROM activities WHERE athlete_id = %(athlete)s
"""
_JOB_PROBLEMS = """
    INSERT INTO job_problems (job_id, athlete_id, strava_id, code, message)
    SELECT id, athlete_id, n, 'STRAVA_BAD_DATA', 'Strava sent data that cannot be read.'
    FROM jobs, generate_series(1, %(problems)s) n WHERE athlete_id = %(athlete)s
"""
_SYNC_PROBLEMS = """
    INSERT INTO sync_problems (connection_id, athlete_id, strava_id, activity_id, stage, code,
        message, job_id)
    SELECT %(connection)s, athlete_id, strava_id, id, 'DERIVING', 'STRAVA_UNAVAILABLE',
        'Strava does not answer when asked for this activity.', 1
    FROM activities WHERE athlete_id = %(athlete)s ORDER BY id LIMIT %(problems)s
"""
_REVOKED_TOKENS = """
    INSERT INTO api_tokens (account_id, name, hint, secret_sha256, scopes, revoked_at)
    SELECT accounts.id, 'revoked', 'pace_none', sha256(convert_to(accounts.id || ' ' || n, 'UTF8')),
        '{read}', now()
    FROM accounts, generate_series(1, %(tokens)s) n WHERE athlete_id = %(athlete)s
"""
_STREAMS = """
    INSERT INTO activity_streams (activity_id, athlete_id, sample_count, samples, positions, marks,
        duration_s, is_complete)
    SELECT id, athlete_id, %(count)s, %(samples)s, %(positions)s, %(marks)s, %(duration)s, true
    FROM activities WHERE athlete_id = %(athlete)s ORDER BY started_at DESC LIMIT %(most)s
"""
_LEVELS = """
    INSERT INTO activity_stream_levels (activity_id, athlete_id, points, samples, positions)
    SELECT activity_id, athlete_id, %(points)s, %(samples)s, %(positions)s
    FROM activity_streams WHERE athlete_id = %(athlete)s
"""
_LEFT_BY_FORMER_RUNS = (
    "DELETE FROM jobs WHERE finished_at IS NULL AND athlete_id = ANY(%(athletes)s)",
    "DELETE FROM uploads WHERE athlete_id = ANY(%(athletes)s)",
    "DELETE FROM api_tokens WHERE name = 'measured'",
    "DELETE FROM idempotency_keys",
    "DELETE FROM feedback",
)


def write_parts(connection: psycopg.Connection, athlete: int, strava_token: bytes) -> None:
    """Write what an athlete and its activities hold. The activities are there."""
    values = {
        "athlete": athlete, "shoes": _SHOES, "jobs": _JOBS, "problems": _PROBLEMS,
        "points": _ROUTE_POINTS, "tokens": _TOKENS, "token": strava_token,
    }  # fmt: skip
    (values["connection"],) = connection.execute(_CONNECTION, values).fetchone() or (0,)
    connection.execute(_OLD_JOBS, values)
    (values["job"],) = connection.execute(_IMPORT, values).fetchone() or (0,)
    for statement in (
        _GEAR, _WORN, _LAPS, _SPLITS, _ROUTES, _HEART_RATES, _ZONES, _RESERVE, _ENTRIES, _JOB_PROBLEMS,
        _SYNC_PROBLEMS, _REVOKED_TOKENS,
    ):  # fmt: skip
        connection.execute(statement, values)
    _write_streams(connection, athlete)


def _write_streams(connection: psycopg.Connection, athlete: int) -> None:
    made = EncodedStreams.from_samples(three_hours())
    connection.execute(
        _STREAMS,
        {
            "athlete": athlete, "most": _STREAMS_OF, "count": made.sample_count,
            "samples": made.samples, "positions": made.positions, "marks": made.marks,
            "duration": made.duration_s,
        },
    )  # fmt: skip
    for each in made.levels:
        level = {"points": each.points, "samples": each.samples, "positions": each.positions}
        connection.execute(_LEVELS, {"athlete": athlete, **level})


def discard_former(connection: psycopg.Connection, athletes: list[int]) -> None:
    """Delete what the mutations of an earlier run made, so that this one measures the same."""
    for statement in _LEFT_BY_FORMER_RUNS:
        connection.execute(statement, {"athletes": athletes})
