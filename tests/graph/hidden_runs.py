"""Very many runs that an athlete hides, each with what might make others' answers dearer."""

from sqlalchemy import Connection

from db.models import Activity, BestEffort
from tests import factories as make

_OWN = {"id", "strava_id", "source", "started_at", "started_at_local", "gear_id", "name", "distance_m",
        "listed_json", "duplicate_of_id"}  # fmt: skip
_DISTANCES = {"M400": (400, 60.0), "KM1": (1000, 170.0), "KM5": (5000, 1000.0)}
"""What each run has efforts over: meters, and seconds that all are slower than."""


def create_hidden_runs(db: Connection, athlete_id: int, count: int) -> None:
    """Copy a public run of the athlete `count` times, hidden, a run every hour until its start.

    Every one is in shoes of a public run, as far as that and named alike, and its efforts are the
    athlete's best until then.
    """
    copied = ", ".join(each.key for each in Activity.__table__.c if each.key not in _OWN)
    shown = copied.replace("visibility", "'ONLY_ME'", 1)
    db.exec_driver_sql(f"""
        INSERT INTO activities (
            {copied}, source, started_at, started_at_local, gear_id, name, distance_m
        )
        SELECT {shown}, 'FILE', started_at - n * interval '1 hour',
               started_at_local - n * interval '1 hour',
               gear_id, name, distance_m + mod(n, 7)
        FROM (SELECT * FROM activities WHERE athlete_id = {athlete_id} AND visibility = 'EVERYONE'
              ORDER BY started_at LIMIT 1) run, generate_series(1, {count}) n
        """)
    for distance, (meters, least_s) in _DISTANCES.items():
        _create_efforts(db, athlete_id, distance, meters, least_s)
    make.recalculate_bests(db, athlete_id)
    db.exec_driver_sql("VACUUM ANALYZE")


def _create_efforts(
    db: Connection, athlete_id: int, distance: str, meters: int, least_s: float
) -> None:
    names = {
        "athlete_id": "athlete_id",
        "activity_id": "id",
        "distance": f"'{distance}'",
        "distance_m": str(meters),
        "elapsed_s": f"{least_s} + extract(epoch FROM now() - started_at) / 1e7",
        "start_offset_s": "0",
        "achieved_at": "started_at + interval '20 minutes'",
        "provenance": "'STREAM'",
        "implied": "false",
        "counts": "true",
    }
    assert names.keys() <= set(BestEffort.__table__.c.keys())
    db.exec_driver_sql(f"""
        INSERT INTO best_efforts ({", ".join(names)})
        SELECT {", ".join(names.values())} FROM activities
        WHERE athlete_id = {athlete_id} AND visibility = 'ONLY_ME' AND source = 'FILE'
        """)
