"""Laps of an activity."""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

QUERY = """query($id: ID!, $first: Int, $after: String) { activity(id: $id) { laps(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { number startOffsetSeconds elapsedTimeSeconds movingTimeSeconds distanceMeters averageHeartRate
    paceSecondsPerKilometer } } } }"""


async def laps_of(api, person, activity, **arguments):
    found = await api.ask(QUERY, person.token, id=encode_id("Activity", activity), **arguments)
    return found["activity"]["laps"]


async def test_laps_come_in_order_by_pages(api, db):
    person = make.create_person(db)
    activity = make.create_activity(db, person.athlete_id)
    for number in (3, 1, 2):
        make.create_lap(db, activity, number, distance_m=1000.0 * number)
    make.create_lap(db, make.create_activity(db, person.athlete_id))
    page = await laps_of(api, person, activity, first=2)
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert page["nodes"][1] == {
        "number": 2, "startOffsetSeconds": 300, "elapsedTimeSeconds": 310, "movingTimeSeconds": 300,
        "distanceMeters": 2000, "averageHeartRate": 150.5, "paceSecondsPerKilometer": 150,
    }  # fmt: skip
    rest = await laps_of(api, person, activity, first=2, after=page["pageInfo"]["endCursor"])
    assert [each["number"] for each in rest["nodes"]] == [3]


async def test_a_lap_without_distance_or_time_has_no_pace(api, db):
    person = make.create_person(db)
    activity = make.create_activity(db, person.athlete_id)
    for number, odd in enumerate(
        [{"distance_m": 0.0}, {"distance_m": None}, {"moving_time_s": 0.0}, {"moving_time_s": None}], start=1
    ):  # fmt: skip
        make.create_lap(db, activity, number, **odd)
    found = await laps_of(api, person, activity, first=9)
    assert [each["paceSecondsPerKilometer"] for each in found["nodes"]] == [None] * 4
