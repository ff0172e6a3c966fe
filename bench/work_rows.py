"""Rows for `bench.work_per_point`: athletes with many and few runs, their efforts and tokens."""

from dataclasses import dataclass
from hashlib import sha256

import psycopg

from athletics.distance import StandardDistance
from bench.work_part_rows import discard_former, write_parts

SMALL_RUNS = 200
_NAMES = ("Owner", "Small", "Stranger")
_MOST_METERS = 10_000.0
_RECORDED_TWICE = 50
"""One in so many runs is a second recording of the run before it."""

_AS_A_REPLICA = "SET LOCAL session_replication_role = replica"
"""Without triggers: nothing is cached yet, and the rows refer to each other as they should."""
_ATHLETE = """
    INSERT INTO athletes (first_name, last_name, sex, birth_date, city, country, shares, shares_age_grades)
    VALUES (%s, 'Measured', 'FEMALE', '1980-05-17', 'Porto', 'PT', true, true) RETURNING id
"""
_RUNS = """
    INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at,
        started_at_local, timezone, distance_m, moving_time_s, elapsed_time_s, elevation_gain_m,
        average_heart_rate_bpm, visibility, streams_state)
    SELECT %(athlete)s, 'STRAVA', n, 'Evening Run ' || n,
        CASE WHEN n %% 20 = 0 THEN 'Ride' ELSE 'Run' END, start, start AT TIME ZONE 'UTC', 'UTC',
        3000 + n * 7919 %% 20000, 900 + n * 31 %% 6000, 950 + n * 31 %% 6000, n %% 400,
        120 + n %% 50, CASE WHEN n %% 10 = 0 THEN 'ONLY_ME' ELSE 'EVERYONE' END, 'ABSENT'
    FROM generate_series(1, %(runs)s) n,
        LATERAL (SELECT timestamptz '2026-01-01 06:00Z' - n * interval '26 hours' AS start) s
"""
_DUPLICATES = """
    UPDATE activities a SET duplicate_of_id = b.id FROM activities b
    WHERE a.athlete_id = ANY(%(athletes)s) AND b.athlete_id = a.athlete_id
    AND a.strava_id %% %(each)s = 0 AND b.strava_id = a.strava_id - 1
"""
_NO_CHOICES = """
    UPDATE activities SET recording_choice = 'BY_RULES', duplicate_of_id = NULL
    WHERE athlete_id = ANY(%(athletes)s)
    AND (recording_choice <> 'BY_RULES' OR duplicate_of_id IS NOT NULL)
"""
"""Makes runs recorded twice again which mutations of an earlier run told apart."""
_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s,
        start_offset_s, achieved_at, provenance, implied, counts, counts_for_others, age_on_day,
        age_grade_sex, age_grade_table, open_standard_s, age_standard_s, age_grade_percent)
    SELECT a.athlete_id, a.id, d.name, d.meters, d.meters * (0.2 + (hashint8(a.id) & 1023) / 5000.0),
        0, a.started_at, 'STREAM', hashint8(a.id) & 31 = 0, a.duplicate_of_id IS NULL AND hashint8(a.id) & 31 > 0,
        a.duplicate_of_id IS NULL AND hashint8(a.id) & 31 > 0 AND a.visibility = 'EVERYONE', 45, 'FEMALE',
        'ROAD_2025', d.meters * 0.15, d.meters * 0.16, 59.2
    FROM activities a, unnest(%(names)s::text[], %(meters)s::float8[]) d (name, meters)
    WHERE a.sport_type = 'Run'
    ON CONFLICT DO NOTHING
"""
_BESTS = """
    INSERT INTO personal_bests (id, athlete_id, activity_id, distance, distance_m, elapsed_s,
        achieved_at, age_grade_percent, age_on_day, is_current, for_others, is_current_for_others)
    SELECT DISTINCT ON (athlete_id, distance) id, athlete_id, activity_id, distance, distance_m,
        elapsed_s, achieved_at, age_grade_percent, age_on_day, true, counts_for_others, counts_for_others
    FROM best_efforts WHERE counts AND athlete_id = ANY(%(athletes)s)
    ORDER BY athlete_id, distance, elapsed_s
"""
_ACCOUNT = "INSERT INTO accounts (athlete_id, is_admin) VALUES (%s, false) RETURNING id"
_TOKEN = """
    INSERT INTO api_tokens (account_id, name, hint, secret_sha256, scopes)
    VALUES (%s, 'work', %s, %s, '{read,sync}')
"""
_FOUND = "SELECT id FROM athletes WHERE last_name = 'Measured' AND first_name = %s"


@dataclass(frozen=True, slots=True)
class Tokens:
    """API tokens of the athlete with many runs, the one with few, and one without any."""

    owner: str
    small: str
    stranger: str


def provide(dsn: str, runs: int, strava_token: bytes = b"") -> Tokens:
    """Write the rows unless they exist.

    `runs` are those of the athlete with many, `strava_token` is what the athletes' connections to
    Strava hold, encrypted.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute(_FOUND, ["Owner"]).fetchone() is None:
            with connection.transaction():
                _write(connection, runs, strava_token)
            connection.execute("VACUUM (FREEZE, ANALYZE)")
        found = connection.execute("SELECT id FROM athletes WHERE last_name = 'Measured'")
        athletes = [athlete for (athlete,) in found]
        discard_former(connection, athletes)
        with connection.transaction():
            connection.execute(_AS_A_REPLICA)
            connection.execute(_NO_CHOICES, {"athletes": athletes})
            connection.execute(_DUPLICATES, {"athletes": athletes, "each": _RECORDED_TWICE})
    return Tokens(*map(_secret, _NAMES))


def _write(connection: psycopg.Connection, runs: int, strava_token: bytes) -> None:
    connection.execute(_AS_A_REPLICA)
    athletes = []
    for name, count in zip(_NAMES, (runs, SMALL_RUNS, 0), strict=True):
        (athlete,) = connection.execute(_ATHLETE, [name]).fetchone() or (0,)
        athletes.append(athlete)
        connection.execute(_RUNS, {"athlete": athlete, "runs": count})
        (account,) = connection.execute(_ACCOUNT, [athlete]).fetchone() or (0,)
        secret = _secret(name)
        connection.execute(_TOKEN, [account, secret[:9], sha256(secret.encode()).digest()])
    connection.execute(_DUPLICATES, {"athletes": athletes, "each": _RECORDED_TWICE})
    distances = [each for each in StandardDistance if each.meters <= _MOST_METERS]
    names, meters = [each.value for each in distances], [each.meters for each in distances]
    connection.execute(_EFFORTS, {"names": names, "meters": meters})
    connection.execute(_BESTS, {"athletes": athletes})
    for athlete in athletes:
        write_parts(connection, athlete, strava_token)


def _secret(name: str) -> str:
    return f"pace_work-per-point-{name.lower()}"
