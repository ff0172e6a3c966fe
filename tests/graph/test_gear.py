"""Gear, its mileage, and activities by gear."""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

GEAR = """query($id: ID!) { athlete(id: $id) { gear { id name retired distanceMeters statedDistanceMeters
    athlete { id } } } }"""
RUNS = """query($gear: ID!) { activities(filter: {gear: $gear}) { totalCount nodes { distanceMeters gear { id } } } }"""


def worn(db, athlete_id, gear, meters, **columns):
    return make.create_activity(db, athlete_id, gear_id=gear, distance_m=meters, **columns)


@pytest.fixture
def owner(db):
    return make.create_person(db, shares=True)


async def test_mileage_counts_each_run_once(api, db, owner):
    gear = make.create_gear(db, owner.athlete_id, name="Fast", stated_distance_m=90000.0)
    old = make.create_gear(db, owner.athlete_id, name="Always first", retired=True)
    worn(db, owner.athlete_id, gear, 1000.0)
    run = worn(db, owner.athlete_id, gear, 5000.0)
    worn(db, owner.athlete_id, gear, 5010.0, duplicate_of_id=run)
    bare = worn(db, owner.athlete_id, None, 7000.0)
    worn(db, owner.athlete_id, gear, 7001.0, duplicate_of_id=bare)
    found = (await api.ask(GEAR, owner.token, id=owner.id))["athlete"]["gear"]
    assert found == [
        {"id": encode_id("Gear", gear), "name": "Fast", "retired": False, "distanceMeters": 13011,
         "statedDistanceMeters": 90000, "athlete": {"id": owner.id}},
        {"id": encode_id("Gear", old), "name": "Always first", "retired": True, "distanceMeters": 0,
         "statedDistanceMeters": None, "athlete": {"id": owner.id}},
    ]  # fmt: skip


async def test_activities_are_found_by_gear(api, db, owner):
    gear, other = (make.create_gear(db, owner.athlete_id) for _ in range(2))
    worn(db, owner.athlete_id, gear, 1000.0)
    worn(db, owner.athlete_id, other, 2000.0)
    worn(db, owner.athlete_id, None, 3000.0)
    gear_id = encode_id("Gear", gear)
    assert await api.ask(RUNS, owner.token, gear=gear_id) == {
        "activities": {"totalCount": 1, "nodes": [{"distanceMeters": 1000, "gear": {"id": gear_id}}]}
    }  # fmt: skip


async def test_a_filter_by_something_else_is_refused(api, owner):
    error = await api.error(RUNS, owner.token, gear=owner.id)
    assert error == {"code": "INVALID_ID", "field": "filter.gear"}


async def test_others_see_gear_and_mileage_of_what_they_see(sharing_api, db, owner):
    shown, hidden = (
        make.create_gear(db, owner.athlete_id, stated_distance_m=9.0) for _ in range(2)
    )
    worn(db, owner.athlete_id, shown, 1000.0)
    worn(db, owner.athlete_id, shown, 2000.0, visibility="ONLY_ME")
    worn(db, owner.athlete_id, hidden, 3000.0, visibility="ONLY_ME")
    stranger = make.create_person(db)
    [gear] = (await sharing_api.ask(GEAR, stranger.token, id=owner.id))["athlete"]["gear"]
    assert (gear["distanceMeters"], gear["statedDistanceMeters"]) == (1000, None)
    for each, number in ((shown, 1), (hidden, 0)):
        found = await sharing_api.ask(RUNS, stranger.token, gear=encode_id("Gear", each))
        assert found["activities"]["totalCount"] == number
    query = "query($id: ID!) { node(id: $id) { id } }"
    for each, expected in ((shown, {"id": encode_id("Gear", shown)}), (hidden, None)):
        assert (await sharing_api.ask(query, stranger.token, id=encode_id("Gear", each)))[
            "node"
        ] == expected
