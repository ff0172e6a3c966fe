"""Athletes with random efforts, and their personal bests by definition and as stored."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, text

from athletics.personal_best import DatedEffort, personal_bests
from db.models import Activity, Athlete, BestEffort

DISTANCES = {"M400": 400.0, "KM1": 1000.0, "KM5": 5000.0}
START = datetime(2024, 1, 1, tzinfo=UTC)


def add_athlete(connection: Connection, chance: random.Random, activities: int = 15) -> int:
    """An athlete with efforts that often tie, in time and in the moment of achievement."""
    statement = insert(Athlete).values(first_name="A", last_name="B").returning(Athlete.id)
    athlete_id = connection.execute(statement).scalar_one()
    for _ in range(activities):
        visibility = chance.choice(("EVERYONE", "EVERYONE", "ONLY_ME"))
        activity_id = add_activity(
            connection, athlete_id, flagged=chance.random() < 0.1, visibility=visibility
        )
        for distance in chance.sample(sorted(DISTANCES), chance.randint(1, 3)):
            add_effort(connection, chance, athlete_id, activity_id, distance)
    return athlete_id


def add_activity(connection: Connection, athlete_id: int, *, flagged: bool, visibility: str) -> int:
    values = {
        "athlete_id": athlete_id, "source": "FILE", "name": "Run", "sport_type": "Run", "started_at": START,
        "started_at_local": START.replace(tzinfo=None), "timezone": "UTC", "distance_m": 5000, "moving_time_s": 1500,
        "elapsed_time_s": 1500, "visibility": visibility, "streams_state": "ABSENT", "flagged": flagged,
    }  # fmt: skip
    return connection.execute(insert(Activity).values(**values).returning(Activity.id)).scalar_one()


def add_effort(
    connection: Connection, chance: random.Random, athlete_id: int, activity_id: int, distance: str
) -> None:
    values = {
        "athlete_id": athlete_id, "activity_id": activity_id, "distance": distance, "distance_m": DISTANCES[distance],
        "elapsed_s": chance.randint(100, 112) + chance.choice((0, 0.125)), "start_offset_s": 0,
        "achieved_at": START + timedelta(days=chance.randint(0, 9)), "provenance": "STREAM",
        "excluded": chance.random() < 0.1, "implied": chance.random() < 0.3, "counts": chance.random() < 0.5,
    }  # fmt: skip
    connection.execute(insert(BestEffort).values(**values))


def by_definition(
    connection: Connection, athlete_id: int, *, for_others: bool = False
) -> set[tuple]:
    visible = "AND a.visibility = 'EVERYONE'" if for_others else ""
    expected = set()
    for distance in DISTANCES:
        rows = connection.execute(
            text(
                "SELECT e.id, e.achieved_at, e.elapsed_s, e.implied FROM best_efforts e JOIN activities a "
                "ON a.id = e.activity_id WHERE e.athlete_id = :id AND e.distance = :distance "
                f"AND NOT e.excluded AND NOT a.excluded AND NOT a.flagged {visible}"
            ),
            {"id": athlete_id, "distance": distance},
        )
        bests = personal_bests(DatedEffort(*row) for row in rows)
        for best in bests:
            previous = best.previous.effort_id if best.previous else None
            expected.add(
                (best.effort.effort_id, distance, previous, best.improvement_s, best is bests[-1])
            )
    return expected


def stored(connection: Connection, athlete_id: int, *, for_others: bool = False) -> set[tuple]:
    columns = "previous_id, improvement_s, is_current"
    if for_others:
        columns = "previous_for_others_id, improvement_for_others_s, is_current_for_others"
    condition = "for_others" if for_others else "for_athlete"
    rows = connection.execute(
        text(
            f"SELECT id, distance, {columns} FROM personal_bests WHERE athlete_id = :id AND {condition}"
        ),
        {"id": athlete_id},
    )
    return {tuple(row) for row in rows}
