"""Joins of planned queries name the athlete: for a row one partition is read, not all."""

from collections import Counter
from datetime import timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.partitioned import PARTITIONS, partition, scans

pytestmark = pytest.mark.anyio

OF_ONE = """query($id: ID!) { athlete(id: $id) {
    personalBests {
        activity { name gear { name } }
        bestEffort { rank isPersonalBest activity { name } }
        previous { elapsedTimeSeconds activity { name } }
    }
    activities(first: 20) { nodes {
        name
        bestEfforts { rank isPersonalBest activity { name } }
        recordings { name }
        duplicateOf { name }
        heartRateZones { seconds }
        streams(maxPoints: 60) { heartRate latitude }
    } }
} }"""
OF_ALL = """{ leaderboard(distance: KM5, first: 10) { nodes {
    activity { name } bestEffort { distance } previous { activity { name } }
} } }"""
ATHLETES, RUNS = 6, 4


@pytest.fixture
def athletes(db, database_url):
    """Athletes with runs, two of them recordings of one, each faster; then all is in partitions."""
    made = []
    for _ in range(ATHLETES):
        athlete = make.create_athlete(db)
        for number in range(RUNS):
            day = make.NOON + timedelta(days=number)
            run = make.create_activity(db, athlete, started_at=day)
            make.create_streams(db, run, make.samples(200, every_column=True))
            make.create_best_effort(db, run, distance="KM5", elapsed_s=1200.0 - number)
        make.create_activity(db, athlete, duplicate_of_id=run)
        make.recalculate_bests(db, athlete)
        made.append(athlete)
    partition(database_url)
    db.exec_driver_sql("ANALYZE")
    # which would read small tables whole
    name = db.exec_driver_sql("SELECT current_database()").scalar_one()
    for way in ("hashjoin", "mergejoin"):
        db.exec_driver_sql(f"ALTER DATABASE {name} SET enable_{way} = off")
    return made


async def read(api, db, query, **variables):
    """How often partitions were looked into for a query."""
    token = make.create_admin(db).token
    body = {"query": query, "variables": variables}
    headers = {"graphql-explain": "analyze", "authorization": f"Bearer {token}"}
    answer = (await api.http.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer
    told = answer["extensions"]["explain"]
    assert told["reason"] is None
    [plan] = told["plan"]
    return scans(plan["Plan"])


async def test_what_is_asked_of_one_athlete_reads_one_partition(api, db, athletes):
    for athlete in athletes:
        found = await read(api, db, OF_ONE, id=encode_id("Athlete", athlete))
        assert len({number for _, number in found}) == 1
        assert {table for table, _ in found} == {
            "activities",
            "activity_streams",
            "activity_stream_levels",
            "best_efforts",
            "personal_bests",
        }


async def test_what_belongs_to_rows_of_all_is_looked_up_once_for_each(api, db, athletes):
    found = await read(api, db, OF_ALL)
    looks = Counter()
    for (table, _), count in found.items():
        looks[table] += count
    assert looks["best_efforts"] == ATHLETES
    assert looks["activities"] == 2 * ATHLETES  # of the best, and of the one before
    assert looks["personal_bests"] == ATHLETES + PARTITIONS
