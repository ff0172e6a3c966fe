"""Many athletes with accounts and tokens, quickly made: what an API is that is worth attacking."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from graph.global_id import encode_id
from tests import factories as make

_ATHLETES = """
    INSERT INTO athletes (first_name, last_name, sex, birth_date, city, country, shares)
    SELECT 'Rui', 'Corredor' || n, CASE n % 2 WHEN 0 THEN 'MALE' ELSE 'FEMALE' END, date '1980-05-17' + n, 'Porto',
           'Portugal', true
      FROM generate_series(1, :athletes) n
"""
_ACTIVITIES = """
    INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at, started_at_local, timezone,
                            distance_m, moving_time_s, elapsed_time_s, elevation_gain_m, visibility, streams_state)
    SELECT a.id, 'STRAVA', n, 'Morning Run ' || n, 'Run', at.instant, at.instant AT TIME ZONE 'UTC',
           'Europe/Lisbon', 5000 + n * 37 % 20000, 1800 + n, 1830 + n, n % 300, 'EVERYONE', 'STORED'
      FROM athletes a, generate_series(1, :activities) n,
           LATERAL (SELECT timestamptz '2026-03-01 06:00Z' - n * interval '1 day' AS instant) at
"""
_BEST_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s, start_offset_s, achieved_at,
                              provenance, implied, counts, counts_for_others, age_on_day, age_grade_sex,
                              age_grade_table, open_standard_s, age_standard_s, age_grade_percent)
    SELECT a.athlete_id, a.id, d.name, d.meters, d.meters * 0.27, 0, a.started_at, 'STREAM', false, true, true, 45,
           'MALE', 'ROAD_2025', d.meters * 0.15, d.meters * 0.16, 59.2
      FROM (SELECT athlete_id, id, started_at, row_number() OVER (PARTITION BY athlete_id ORDER BY id) n
              FROM activities) a
      JOIN (VALUES ('M400', 400), ('M800', 800), ('KM1', 1000), ('MILE1', 1609.344), ('KM5', 5000), ('KM10', 10000))
           d (name, meters) ON a.n <= 10
"""
_PERSONAL_BESTS = """
    INSERT INTO personal_bests (id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at,
                                age_grade_percent, age_on_day, is_current, for_others, is_current_for_others)
    SELECT id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at,
           age_grade_percent, age_on_day, true, true, true
      FROM (SELECT *, row_number() OVER (PARTITION BY athlete_id, distance ORDER BY id) n FROM best_efforts) e
     WHERE n = 1
"""


@dataclass(frozen=True)
class Runner:
    """An athlete who is signed in by a token; ids are global ones."""

    token: str
    athlete_id: str
    activity_ids: list[str]


def create_runners(
    db: Connection, *, athletes: int, activities: int, with_account: int
) -> list[Runner]:
    """Write athletes with so many activities each, and give accounts and tokens to the first of
    them.
    """
    # quicker: nobody has cached anything yet
    db.execute(text("SET session_replication_role = replica"))
    db.execute(text(_ATHLETES), {"athletes": athletes})
    db.execute(text(_ACTIVITIES), {"activities": activities})
    db.execute(text(_BEST_EFFORTS))
    db.execute(text(_PERSONAL_BESTS))
    db.execute(text("SET session_replication_role = DEFAULT"))
    db.execute(text("VACUUM ANALYZE"))
    ids = db.execute(
        text("SELECT id FROM athletes ORDER BY id LIMIT :n"), {"n": with_account}
    ).scalars()
    return [_runner(db, athlete_id) for athlete_id in ids]


def _runner(db: Connection, athlete_id: int) -> Runner:
    token = make.create_token(db, make.create_account(db, athlete_id=athlete_id))
    own = db.execute(
        text("SELECT id FROM activities WHERE athlete_id = :id LIMIT 50"), {"id": athlete_id}
    ).scalars()
    return Runner(
        token, encode_id("Athlete", athlete_id), [encode_id("Activity", each) for each in own]
    )
