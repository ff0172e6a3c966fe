"""Arrays go to PostgreSQL in its own form, and come back as they were."""

import numpy as np
import pytest
from sqlalchemy import text

from db.models import ActivityHeartRates, ActivityRoute
from db.packed_arrays import packed_bytes, parameters_of
from db.statements.new_rows import add, replace
from tests import factories as make

OWNER = ("activity_id", "athlete_id")
ROUTE = (*OWNER, "latitudes", "longitudes", "samples")
RATES = (*OWNER, "lowest_bpm", "seconds")


@pytest.fixture
def owners(db):
    athlete = make.create_athlete(db)
    runs = [make.create_activity(db, athlete) for _ in range(3)]
    return [dict(zip(OWNER, (run, athlete), strict=True)) for run in runs]


def test_each_row_has_its_own_arrays(db, owners):
    given = [
        {"latitudes": np.array([1, -2, 3]), "longitudes": [4, 5, -(2**31)], "samples": None},
        {"latitudes": [7, 2**31 - 1], "longitudes": np.array([9, 10]), "samples": [0, 3]},
    ]
    rows = [owner | route for owner, route in zip(owners, given, strict=False)]
    for _ in range(2):  # the second time nothing differs
        ids = [owner["activity_id"] for owner in owners]
        values = {"activity_ids": ids, **parameters_of(ActivityRoute, ROUTE, rows)}
        db.execute(replace(ActivityRoute, ROUTE, ("activity_id",)), values)
    [*found] = db.execute(text("SELECT * FROM activity_routes ORDER BY activity_id")).mappings()
    assert sorted(map(list, (each["latitudes"] for each in found))) == [[1, -2, 3], [7, 2**31 - 1]]
    by_run = {each["activity_id"]: each for each in found}
    assert by_run[owners[0]["activity_id"]]["samples"] is None
    assert by_run[owners[0]["activity_id"]]["longitudes"] == [4, 5, -(2**31)]
    assert by_run[owners[1]["activity_id"]]["samples"] == [0, 3]


def test_fractions_are_exact_and_an_array_may_be_empty(db, owners):
    seconds = [[0.1, 1e-300, 1 / 3], []]
    rows = [
        owner | {"lowest_bpm": 60, "seconds": each}
        for owner, each in zip(owners, seconds, strict=False)
    ]
    db.execute(add(ActivityHeartRates, RATES), parameters_of(ActivityHeartRates, RATES, rows))
    found = db.execute(text("SELECT activity_id, seconds FROM activity_heart_rates")).all()
    told = {row["activity_id"]: row["seconds"] for row in rows}
    assert {each.activity_id: each.seconds for each in found} == told


def test_without_rows_those_of_the_activities_go(db, owners):
    row = owners[0] | {"latitudes": [1, 2], "longitudes": [3, 4], "samples": [0, 1]}
    for rows in ([row], []):
        ids = [owner["activity_id"] for owner in owners]
        values = {"activity_ids": ids, **parameters_of(ActivityRoute, ROUTE, rows)}
        db.execute(replace(ActivityRoute, ROUTE, ("activity_id",)), values)
    assert db.execute(text("SELECT count(*) FROM activity_routes")).scalar_one() == 0


@pytest.mark.parametrize("given", [[], [b""], [None], [b"\x00\xff'\\", None, bytes(5000)]])
def test_bytes_come_back_as_they_were(db, given):
    driver = db.connection.driver_connection
    assert driver.execute("SELECT %s", [packed_bytes(given)]).fetchone() == (given,)
