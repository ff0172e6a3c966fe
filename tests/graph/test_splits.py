"""Splits of an activity."""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

QUERY = """query($id: ID!, $unit: SplitUnit! = KILOMETER) { activity(id: $id) { splits(unit: $unit, first: 50) {
    totalCount nodes { number startOffsetSeconds distanceMeters elapsedTimeSeconds movingTimeSeconds isPartial
    paceSecondsPerKilometer gradeAdjustedPaceSecondsPerKilometer elevationChangeMeters averageHeartRate } } } }"""


async def splits_of(api, person, activity, **arguments):
    found = await api.ask(QUERY, person.token, id=encode_id("Activity", activity), **arguments)
    return found["activity"]["splits"]


async def test_splits_are_of_one_unit_in_order(api, db):
    person = make.create_person(db)
    activity = make.create_activity(db, person.athlete_id)
    for number in (2, 1):
        make.create_split(db, activity, number)
    make.create_split(
        db, activity, unit="MILE", distance_m=500.0, is_partial=True, level_distance_m=None, elevation_change_m=None
    )  # fmt: skip
    found = await splits_of(api, person, activity)
    assert found["totalCount"] == 2
    assert found["nodes"][1] == {
        "number": 2, "startOffsetSeconds": 300, "distanceMeters": 1000, "elapsedTimeSeconds": 310,
        "movingTimeSeconds": 300, "isPartial": False, "paceSecondsPerKilometer": 300,
        "gradeAdjustedPaceSecondsPerKilometer": pytest.approx(300 / 1.06), "elevationChangeMeters": 10,
        "averageHeartRate": 150.5,
    }  # fmt: skip
    [mile] = (await splits_of(api, person, activity, unit="MILE"))["nodes"]
    assert (mile["isPartial"], mile["paceSecondsPerKilometer"]) == (True, 600)
    assert (mile["gradeAdjustedPaceSecondsPerKilometer"], mile["elevationChangeMeters"]) == (
        None,
        None,
    )


async def test_the_unit_is_kilometers_unless_given(api, db):
    person = make.create_person(db)
    activity = make.create_activity(db, person.athlete_id)
    make.create_split(db, activity)
    query = "query($id: ID!) { activity(id: $id) { splits { nodes { number } } } }"
    found = await api.ask(query, person.token, id=encode_id("Activity", activity))
    assert found["activity"]["splits"]["nodes"] == [{"number": 1}]
