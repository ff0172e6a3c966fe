"""What an athlete can run: pace curve, critical speed and predictions; and how runs were paced."""

from datetime import UTC, date, datetime

import pytest

from athletics.critical_speed import critical_speed
from athletics.distance import StandardDistance as D
from athletics.race_prediction import Performance, PredictionMethod, predict
from db.statements.performance.fastest_effort import PERIOD_DAYS
from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

ALL = {"from": "2000-01-01"}
CURVE = """query($id: ID!, $from: Date, $until: Date) { athlete(id: $id) {
    paceCurve(from: $from, until: $until) { distance elapsedTimeSeconds } } }"""
SPEED = """query($id: ID!, $from: Date, $until: Date) { athlete(id: $id) {
    criticalSpeed(from: $from, until: $until) { metersPerSecond paceSecondsPerKilometer distanceAboveMeters
    rSquared standardErrorMetersPerSecond distances firstDay lastDay } } }"""
PREDICTED = """query($id: ID!, $from: Date, $method: PredictionMethod! = RIEGEL, $distances: [StandardDistance!]) {
    athlete(id: $id) { racePredictions(method: $method, from: $from, distances: $distances) {
    distance distanceLabel distanceMeters method elapsedTimeSeconds paceSecondsPerKilometer bestEffort { id } } } }"""
PACING = """query($id: ID!) { activity(id: $id) { pacing { firstHalfMovingTimeSeconds
    secondHalfMovingTimeSeconds changePercent isNegativeSplit } } }"""
FASTEST = {D.M400: 75.0, D.M800: 170.0, D.M1500: 345.0, D.KM5: 1260.0, D.KM10: 2640.0}
"""Seconds, all of one run on 3 March."""


@pytest.fixture
def owner(db):
    person = make.create_person(db, shares=True)
    fast, slow, hidden = (
        make.create_activity(
            db,
            person.athlete_id,
            started_at=make.NOON.replace(day=day),
            visibility="EVERYONE" if day < 9 else "ONLY_ME",
        )
        for day in (3, 7, 9)
    )
    for distance, elapsed_s in FASTEST.items():
        make.create_best_effort(db, fast, distance=distance, elapsed_s=elapsed_s)
        make.create_best_effort(db, slow, distance=distance, elapsed_s=elapsed_s + 60)
    make.create_best_effort(db, hidden, distance=D.KM10, elapsed_s=2400.0)
    faster = make.create_activity(db, person.athlete_id)
    make.create_best_effort(db, faster, distance=D.KM5, elapsed_s=900.0, counts=False)
    return person


async def of(api, query, person, token, **arguments):
    [found] = (await api.ask(query, token, id=person.id, **arguments))["athlete"].values()
    return found


async def test_the_curve_has_the_fastest_efforts_that_count(api, sharing_api, db, owner):
    def curve(found):
        return {each["distance"]: each["elapsedTimeSeconds"] for each in found}

    own = await of(api, CURVE, owner, owner.token, **ALL)
    assert curve(own) == {**FASTEST, "KM10": 2400}
    assert [each["distance"] for each in own] == list(FASTEST)
    later = await of(
        api, CURVE, owner, owner.token, **{"from": "2026-03-04", "until": "2026-03-08"}
    )
    assert curve(later) == {name: elapsed_s + 60 for name, elapsed_s in FASTEST.items()}
    stranger = make.create_person(db)
    assert curve(await of(sharing_api, CURVE, owner, stranger.token, **ALL)) == FASTEST


async def test_a_period_without_first_day_is_of_half_a_year(api, owner):
    last = date(2026, 3, 3).toordinal() + PERIOD_DAYS - 1
    assert await of(api, CURVE, owner, owner.token, until=str(date.fromordinal(last)))
    days = {"until": str(date.fromordinal(last + 7))}
    assert await of(api, CURVE, owner, owner.token, **days) == []
    assert await of(api, CURVE, owner, owner.token) == []  # all is older than today's


@pytest.mark.parametrize("ahead", ["2500-01-01", "9999-12-31"])
async def test_a_period_that_ends_far_ahead_is_counted_from_today(api, db, owner, ahead):
    run = make.create_activity(db, owner.athlete_id, started_at=datetime.now(UTC))
    make.create_best_effort(db, run, distance=D.KM5, elapsed_s=1500.0)
    found = await of(api, CURVE, owner, owner.token, until=ahead)
    assert found == [{"distance": "KM5", "elapsedTimeSeconds": 1500}]


async def test_critical_speed_is_that_of_the_rule(api, owner):
    found = await of(api, SPEED, owner, owner.token, **ALL)
    expected = critical_speed(FASTEST)
    assert found == {
        "metersPerSecond": pytest.approx(expected.speed_m_per_s, abs=0.0005),
        "paceSecondsPerKilometer": pytest.approx(1000 / expected.speed_m_per_s, abs=0.0005),
        "distanceAboveMeters": pytest.approx(expected.distance_above_m, abs=0.0005),
        "rSquared": pytest.approx(expected.r_squared, abs=1e-6),
        "standardErrorMetersPerSecond": pytest.approx(expected.standard_error_m_per_s, abs=0.0005),
        "distances": [each.name for each in expected.distances],
        "firstDay": "2026-03-03",
        "lastDay": "2026-03-03",
    }
    assert await of(api, SPEED, owner, owner.token, **{"from": "2026-03-09"}) is None


@pytest.mark.parametrize("method", PredictionMethod)
async def test_predictions_are_those_of_the_rule(api, db, owner, method):
    fastest = {**FASTEST, D.KM10: 2400.0}
    efforts = [Performance(each.meters, elapsed_s) for each, elapsed_s in fastest.items()]
    expected = {each: predict(efforts, each.meters, method) for each in D}
    found = await of(api, PREDICTED, owner, owner.token, method=method, **ALL)
    assert [each["distance"] for each in found] == [
        each.name for each, prediction in expected.items() if prediction
    ]
    ids = {
        (row.distance, row.elapsed_s): encode_id("BestEffort", row.id)
        for row in db.exec_driver_sql("SELECT id, distance, elapsed_s FROM best_efforts")
    }
    for each in found:
        distance = D[each["distance"]]
        prediction = expected[distance]
        [rests_on] = [name for name in D if name.meters == prediction.rests_on.distance_m]
        assert each["bestEffort"]["id"] == ids[rests_on, prediction.rests_on.elapsed_s]
        assert each["elapsedTimeSeconds"] == pytest.approx(prediction.elapsed_s, abs=0.0005)
        pace = 1000 * prediction.elapsed_s / distance.meters
        assert each["paceSecondsPerKilometer"] == pytest.approx(pace, abs=0.0005)
        assert (each["distanceMeters"], each["distanceLabel"]) == (distance.meters, distance.label)
        assert each["method"] == method
    two = await of(api, PREDICTED, owner, owner.token, distances=["KM10", "KM5"], **ALL)
    assert [each["distance"] for each in two] == ["KM5", "KM10"]


async def test_others_get_predictions_of_what_they_see(sharing_api, db, owner):
    stranger = make.create_person(db)
    [found] = await of(sharing_api, PREDICTED, owner, stranger.token, distances=["KM10"], **ALL)
    assert found["elapsedTimeSeconds"] == pytest.approx(1260 * 2**1.06, abs=0.001)


async def test_halves_are_of_the_kilometers(api, sharing_api, db, owner):
    activity, short = (make.create_activity(db, owner.athlete_id) for _ in range(2))
    for number, (meters, moving_s) in enumerate([(1000, 300), (1000, 320), (500, 140)], start=1):
        columns = {"distance_m": float(meters), "moving_time_s": float(moving_s)}
        make.create_split(db, activity, number, **columns)
    make.create_split(db, activity, unit="MILE")
    make.create_split(db, short)

    async def pacing(api, person, activity):
        found = await api.ask(PACING, person.token, id=encode_id("Activity", activity))
        return found["activity"]["pacing"]

    assert await pacing(api, owner, activity) == {
        "firstHalfMovingTimeSeconds": 380, "secondHalfMovingTimeSeconds": 380,
        "changePercent": 0, "isNegativeSplit": False,
    }  # fmt: skip
    assert await pacing(api, owner, short) is None
    stranger = make.create_person(db)
    assert await pacing(sharing_api, stranger, activity)
    make.create_route(db, activity, [(0, 0), (0, 500)])
    assert await pacing(sharing_api, stranger, activity) is None
