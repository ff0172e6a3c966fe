"""Training load by day, and the heart rates that it is computed by."""

from datetime import date, timedelta

import pytest

from athletics.age_grade_table import Sex
from athletics.heart_rate import HeartRates
from athletics.training_load import HISTORY_DAYS, HeartRateReserve, load_days
from tests import factories as make

pytestmark = pytest.mark.anyio

LOAD = """query($id: ID!, $days: Int! = 5, $until: Date) { athlete(id: $id) {
    trainingLoad(days: $days, until: $until) { day load fitness fatigue form runCount runsWithoutHeartRate } } }"""
UPDATE = """mutation($id: ID!, $resting: Int, $max: Int) { updateAthlete(input: {athleteId: $id,
    restingHeartRate: $resting, maxHeartRate: $max}) { athlete { restingHeartRate maxHeartRate } job { id }
    userErrors { field } } }"""
RESERVE = {"resting_heart_rate_bpm": 50, "max_heart_rate_bpm": 190}
LAST = date(2026, 3, 10)
FIRST = LAST - timedelta(days=4 + HISTORY_DAYS)


async def load_of(api, person, token, **arguments):
    found = await api.ask(LOAD, token, id=person.id, until=str(LAST), **arguments)
    return found["athlete"]["trainingLoad"]


def run(db, person, day: date, **columns) -> int:
    started_at = make.NOON.replace(year=day.year, month=day.month, day=day.day)
    return make.create_activity(db, person.athlete_id, started_at=started_at, **columns)


@pytest.mark.parametrize("sex", Sex)
async def test_the_load_of_days_is_that_of_the_rule(api, db, sex):
    person = make.create_person(db, sex=sex, **RESERVE)
    loads = dict.fromkeys((FIRST + timedelta(days=n) for n in range(HISTORY_DAYS + 5)), 0.0)
    reserve = HeartRateReserve(50, 190, sex)
    seconds = (600.0,) * 60
    for back, day in enumerate((FIRST, LAST - timedelta(days=9), LAST - timedelta(days=2), LAST)):
        lowest = 140 - 40 * back  # below the resting rate and beyond the maximum too
        make.create_heart_rates(db, run(db, person, day), lowest, seconds)
        loads[day] += reserve.trimp(HeartRates(lowest, list(seconds)))
    of_mean = run(db, person, LAST, average_heart_rate_bpm=150.5, moving_time_s=1800)
    loads[LAST] += reserve.trimp_of_mean(30, 150.5)
    run(db, person, LAST, duplicate_of_id=of_mean, average_heart_rate_bpm=150.5)
    run(db, person, LAST, sport_type="Ride", average_heart_rate_bpm=150.5)
    run(db, person, LAST)
    for beyond in (FIRST - timedelta(days=1), LAST + timedelta(days=1)):
        run(db, person, beyond, average_heart_rate_bpm=180.0)
    found = await load_of(api, person, person.token)
    assert [each["day"] for each in found] == [str(LAST - timedelta(days=4 - n)) for n in range(5)]
    for each, expected in zip(found, load_days(loads.values())[-5:], strict=True):
        for name in ("load", "fitness", "fatigue", "form"):
            assert each[name] == pytest.approx(getattr(expected, name), abs=2e-6), each["day"]
    assert found[-1]["load"] > 0
    counts = [(each["runCount"], each["runsWithoutHeartRate"]) for each in found]
    assert counts == [(0, 0), (0, 0), (1, 0), (0, 0), (3, 1)]


@pytest.mark.parametrize("unknown", ["sex", *RESERVE])
async def test_without_reserve_or_sex_there_is_no_load(api, db, unknown):
    person = make.create_person(db, **{**RESERVE, unknown: None})
    run(db, person, LAST, average_heart_rate_bpm=150.0)
    assert await load_of(api, person, person.token) == []


async def test_others_see_neither_load_nor_heart_rates(sharing_api, db):
    person = make.create_person(db, shares=True, **RESERVE)
    run(db, person, LAST, average_heart_rate_bpm=150.0)
    stranger, admin = make.create_person(db), make.create_admin(db)
    assert await load_of(sharing_api, person, stranger.token) == []
    assert len(await load_of(sharing_api, person, admin.token)) == 5
    query = "query($id: ID!) { athlete(id: $id) { restingHeartRate maxHeartRate } }"
    found = await sharing_api.ask(query, stranger.token, id=person.id)
    assert found["athlete"] == {"restingHeartRate": None, "maxHeartRate": None}


async def test_an_athlete_tells_and_clears_heart_rates(api, db):
    person = make.create_person(db)
    assert await load_of(api, person, person.token) == []
    for resting, most in ((48, 192), (None, None)):
        done = await api.ask(UPDATE, person.token, id=person.id, resting=resting, max=most)
        assert done["updateAthlete"] == {
            "athlete": {"restingHeartRate": resting, "maxHeartRate": most},
            "job": None,
            "userErrors": [],
        }
        assert len(await load_of(api, person, person.token)) == (5 if resting else 0)


@pytest.mark.parametrize(
    ("resting", "most", "field"),
    [
        (19, 190, "restingHeartRate"),
        (100, 190, "restingHeartRate"),
        (50, 99, "maxHeartRate"),
        (50, 251, "maxHeartRate"),
    ],
)
async def test_heart_rates_that_cannot_be_are_refused(api, db, resting, most, field):
    person = make.create_person(db)
    done = await api.ask(UPDATE, person.token, id=person.id, resting=resting, max=most)
    assert done["updateAthlete"]["userErrors"] == [{"field": ["input", field]}]


@pytest.mark.parametrize("days", [0, 367])
async def test_too_many_days_are_refused(api, db, days):
    person = make.create_person(db, **RESERVE)
    error = await api.error(LOAD, person.token, id=person.id, days=days)
    assert (error["code"], error["field"]) == ("OUT_OF_RANGE", "days")
    assert len(await load_of(api, person, person.token, days=366)) == 366
