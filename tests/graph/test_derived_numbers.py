"""Paces, sums and grades, as the plan and graphql-core both answer them, at their limits."""

import pytest

from athletics.distance import StandardDistance
from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("moving_s", "meters", "speed", "pace"),
    [
        (0, 5030.4, None, None),
        (0, 0.0, None, None),
        (1500, 0.0, 0, None),
        (1500, 1e-300, 0, None),
        (1500, 5000.0, 3.333, 300),
        (2**31 - 1, 9.9e11, pytest.approx(461.0, abs=0.1), pytest.approx(2.169, abs=0.001)),
    ],
)
async def test_no_pace_is_0_or_infinite(api, db, moving_s, meters, speed, pace):
    caller = make.create_person(db)
    activity = make.create_activity(
        db, caller.athlete_id, moving_time_s=moving_s, distance_m=meters
    )
    query = """query($id: ID!) { activity(id: $id) {
        averageSpeedMetersPerSecond averagePaceSecondsPerKilometer } }"""
    assert (await api.ask(query, caller.token, id=encode_id("Activity", activity)))["activity"] == {
        "averageSpeedMetersPerSecond": speed,
        "averagePaceSecondsPerKilometer": pace,
    }


@pytest.mark.parametrize(
    ("distance", "interpolated"), [("KM3", False), ("MILE2", True), ("MILE1", False)]
)
async def test_a_grade_says_whether_its_distance_was_interpolated(api, db, distance, interpolated):
    caller = make.create_person(db)
    effort = make.create_best_effort(
        db, make.create_activity(db, caller.athlete_id), distance=distance
    )
    make.recalculate_bests(db, caller.athlete_id)
    query = """query($effort: ID!, $athlete: ID!, $input: AgeGradeInput!) {
        node(id: $effort) { ... on BestEffort { ageGrade { distanceInterpolated } } }
        athlete(id: $athlete) { personalBests { ageGrade { distanceInterpolated } } }
        ageGrade(input: $input) { distanceInterpolated } }"""
    found = await api.ask(
        query,
        caller.token,
        effort=encode_id("BestEffort", effort),
        athlete=caller.id,
        input={
            "distanceMeters": StandardDistance[distance].meters,
            "elapsedTimeSeconds": 1200,
            "sex": "MALE",
            "age": 46,
            "table": None,
        },
    )
    expected = {"distanceInterpolated": interpolated}
    assert found == {
        "node": {"ageGrade": expected},
        "athlete": {"personalBests": [{"ageGrade": expected}]},
        "ageGrade": expected,
    }


async def test_sums_of_the_longest_runs_are_exact(api, db):
    caller = make.create_person(db)
    for _ in range(3):
        make.create_activity(
            db, caller.athlete_id, moving_time_s=2**31 - 1, elapsed_time_s=2**31 - 1,
            distance_m=1e12, elevation_gain_m=1e12,
        )  # fmt: skip
    query = """query($id: ID!) { athlete(id: $id) { trainingSummary(period: YEAR) {
        periodStart runCount distanceMeters movingTimeSeconds elapsedTimeSeconds
        elevationGainMeters longestRunMeters } } }"""
    found = await api.ask(query, caller.token, id=caller.id)
    assert found["athlete"]["trainingSummary"] == [
        {
            "periodStart": f"{NOON:%Y}-01-01",
            "runCount": 3,
            "distanceMeters": 3e12,
            "movingTimeSeconds": 3 * (2**31 - 1),
            "elapsedTimeSeconds": 3 * (2**31 - 1),
            "elevationGainMeters": 3e12,
            "longestRunMeters": 1e12,
        }
    ]


@pytest.mark.parametrize(
    ("meters", "gain", "expected"),
    [
        (32467.300000000003, 76.10500000000002, (32467.3, 76.105)),
        (0.1 + 0.2, 0.00049, (0.3, 0)),
        (1000.00051, 0.0625, (1000.001, 0.062)),
        (9.99999e11, 1.7e308, (999999000000, 1.7e308)),
    ],
)
async def test_numbers_have_no_noise_by_plan_and_on_graphql_core(api, db, meters, gain, expected):
    caller = make.create_person(db)
    activity = make.create_activity(db, caller.athlete_id, distance_m=meters, elevation_gain_m=gain)
    fields = "distanceMeters elevationGainMeters"
    by_plan = f"query($id: ID!) {{ activity(id: $id) {{ {fields} }} }}"
    # a cursor that is refused leaves the rest of the operation to graphql-core
    on_core = by_plan.replace("{ activity", '{ jobs(after: "x") { totalCount } activity', 1)
    for query in (by_plan, on_core):
        answer = await api.http.post(
            "/graphql",
            json={"query": query, "variables": {"id": encode_id("Activity", activity)}},
            headers={"authorization": f"Bearer {caller.token}"},
        )
        found = answer.json()["data"]["activity"]
        assert (found["distanceMeters"], found["elevationGainMeters"]) == expected


async def test_paces_by_unit_and_labels(api, db):
    caller = make.create_person(db)
    activity = make.create_activity(db, caller.athlete_id, moving_time_s=1500, distance_m=5000.0)
    effort = make.create_best_effort(db, activity, distance="KM5", elapsed_s=1234.5)
    make.recalculate_bests(db, caller.athlete_id)
    query = """query($id: ID!, $effort: ID!) {
        activity(id: $id) { averagePaceSecondsPerKilometer averagePaceSecondsPerMile }
        node(id: $effort) { ... on BestEffort {
            distanceLabel paceSecondsPerKilometer paceSecondsPerMile } }
        viewer { athlete { personalBests { distanceLabel paceSecondsPerKilometer paceSecondsPerMile } } }
        standardDistances { distance label meters } }"""
    found = await api.ask(
        query,
        caller.token,
        id=encode_id("Activity", activity),
        effort=encode_id("BestEffort", effort),
    )
    assert found["activity"] == {
        "averagePaceSecondsPerKilometer": 300,
        "averagePaceSecondsPerMile": 482.803,
    }
    pace = {
        "distanceLabel": "5 km",
        "paceSecondsPerKilometer": 246.9,
        "paceSecondsPerMile": 397.347,
    }
    assert found["node"] == pace
    assert found["viewer"]["athlete"]["personalBests"] == [pace]
    listed = found["standardDistances"]
    assert [each["distance"] for each in listed] == [each.name for each in StandardDistance]
    assert listed[4] == {"distance": "MILE1", "label": "1 mile", "meters": 1609.344}
    assert listed[12] == {"distance": "HALF_MARATHON", "label": "Half marathon", "meters": 21097.5}
