"""Runs on the same route."""

from math import cos, pi, radians, sin
from random import Random

import pytest

from athletics.route import route_of
from athletics.same_route import cells_of, is_same_route
from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

QUERY = "query($id: ID!) { activity(id: $id) { runsOnSameRoute { id } } }"
M_PER_DEGREE = 111_320.0


def lap(random: Random, radius_m: float, shift_m: float = 0.0, center=(-33.9, -70.65)):
    """The points of a round, recorded each few meters from anywhere on it, with noise of 8 m."""
    begin, places = random.uniform(0, 2 * pi), []
    for step in range(300):
        angle = begin + 2 * pi * step / 300
        north = radius_m * sin(angle) + shift_m + random.gauss(0, 8)
        east = (radius_m * cos(angle) + random.gauss(0, 8)) / cos(radians(center[0]))
        places.append((center[0] + north / M_PER_DEGREE, center[1] + east / M_PER_DEGREE))
    return list(zip(*route_of(*zip(*places, strict=True)), strict=True))


async def on_route_of(api, person, activity):
    found = await api.ask(QUERY, person.token, id=encode_id("Activity", activity))
    return [each["id"] for each in found["activity"]["runsOnSameRoute"]]


async def test_the_runs_are_those_of_the_rule(api, sharing_api, db):
    person, random = make.create_person(db, shares=True), Random(16)
    runs = {}
    for number in range(40):
        route = lap(random, random.choice((350, 500, 520)), random.choice((0, 0, 60, 150, 300)))
        length_m = random.choice((3000.0, 3100.0, 3200.0))
        started_at = make.NOON.replace(day=1 + number % 28, hour=number % 24)
        activity = make.create_activity(
            db, person.athlete_id, distance_m=length_m, started_at=started_at
        )
        make.create_route(db, activity, route)
        cells = cells_of([each[0] for each in route], [each[1] for each in route])
        runs[activity] = (cells, length_m, started_at)
    counts = set()
    for activity, (cells, length_m, _) in list(runs.items())[:8]:
        same = [
            other
            for other, (others, other_m, _) in runs.items()
            if other != activity and is_same_route(cells, others, length_m, other_m)
        ]
        counts.add(len(same))
        same.sort(key=lambda each: (runs[each][2], each), reverse=True)
        found = await on_route_of(api, person, activity)
        assert found == [encode_id("Activity", each) for each in same]
    assert max(counts) > 3
    assert await on_route_of(sharing_api, make.create_person(db), activity) == []


async def test_each_of_several_runs_has_its_own(api, db):
    person, random = make.create_person(db), Random(8)
    pairs = [[make.create_activity(db, person.athlete_id) for _ in range(2)] for _ in range(2)]
    for pair, radius_m in zip(pairs, (300, 500), strict=True):
        for each in pair:
            make.create_route(db, each, lap(random, radius_m))
    asked = [each for pair in pairs for each in pair]
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Activity { runsOnSameRoute { id } } } }"
    )
    ids = [encode_id("Activity", each) for each in asked]
    found = (await api.ask(query, person.token, ids=ids))["nodes"]
    others = [each["runsOnSameRoute"] for each in found]
    assert others == [[{"id": ids[place]}] for place in (1, 0, 3, 2)]


async def test_other_recordings_and_other_people_are_no_other_runs(api, db):
    person, random = make.create_person(db), Random(4)
    first, again = (make.create_activity(db, person.athlete_id) for _ in range(2))
    twice = make.create_activity(db, person.athlete_id, duplicate_of_id=first)
    ride = make.create_activity(db, person.athlete_id, sport_type="Ride")
    for each in (first, again, twice, ride, make.create_activity(db)):
        make.create_route(db, each, lap(random, 500))
    bare = make.create_activity(db, person.athlete_id)
    only_again = [encode_id("Activity", again)]
    assert await on_route_of(api, person, first) == only_again
    assert await on_route_of(api, person, twice) == only_again
    assert await on_route_of(api, person, again) == [encode_id("Activity", first)]
    assert await on_route_of(api, person, bare) == []


async def test_for_others_no_route_is_compared(sharing_api, db):
    """Comparing takes a quarter of a second, and what others may not see costs them and the server nothing."""
    owner, stranger = make.create_person(db, shares=True), make.create_person(db)
    activity = make.create_activity(db, owner.athlete_id)
    db.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION runs_on_route_of(activity bigint, most int) RETURNS SETOF bigint LANGUAGE sql "
        "STABLE AS 'SELECT activity / 0 WHERE activity IS NOT NULL'"
    )
    assert await on_route_of(sharing_api, stranger, activity) == []
