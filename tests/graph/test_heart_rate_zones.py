"""Heart rate zones by date, and the time in each."""

from datetime import date

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

OF_RUN = "query($id: ID!) { activity(id: $id) { heartRateZones { number seconds } } }"
OF_PERIOD = """query($id: ID!, $from: Date, $until: Date) { athlete(id: $id) {
    timeInHeartRateZones(from: $from, until: $until) { number seconds } } }"""
ZONES = """query($id: ID!, $on: Date) { athlete(id: $id) { heartRateZones(on: $on) {
    number lowestBeatsPerMinute belowBeatsPerMinute validFrom } } }"""
UPDATE = """mutation($id: ID!, $day: Date!, $bpm: [Int!]!) { updateAthlete(input: {athleteId: $id,
    heartRateZones: {validFrom: $day, lowestBeatsPerMinute: $bpm}}) { athlete { id } job { id } userErrors { field } } }"""


@pytest.fixture
def owner(db):
    person = make.create_person(db, shares=True)
    make.create_zones(db, person.athlete_id, date(2026, 3, 1), [0, 101, 103])
    make.create_zones(db, person.athlete_id, date(2026, 3, 10), [102, 104])
    return person


def run(db, person, day: int, **columns) -> int:
    """With 1 s at 100, 2 s at 101, … and 5 s at 104 beats a minute."""
    activity = make.create_activity(
        db, person.athlete_id, started_at=make.NOON.replace(day=day), **columns
    )
    make.create_heart_rates(db, activity, 100, (1.0, 2.0, 3.0, 4.0, 5.0))
    return activity


async def times_of_run(api, token, activity):
    found = await api.ask(OF_RUN, token, id=encode_id("Activity", activity))
    return [(each["number"], each["seconds"]) for each in found["activity"]["heartRateZones"]]


async def times_of(api, person, token, **days):
    found = await api.ask(OF_PERIOD, token, id=person.id, **days)
    return [(each["number"], each["seconds"]) for each in found["athlete"]["timeInHeartRateZones"]]


async def test_an_activity_has_the_time_in_the_zones_of_its_day(api, db, owner):
    assert await times_of_run(api, owner.token, run(db, owner, 9)) == [(1, 1), (2, 5), (3, 9)]
    assert await times_of_run(api, owner.token, run(db, owner, 10)) == [(1, 7), (2, 5)]
    before = make.create_activity(db, owner.athlete_id, started_at=make.NOON.replace(month=2))
    make.create_heart_rates(db, before)
    assert await times_of_run(api, owner.token, before) == []
    bare = make.create_activity(db, owner.athlete_id)
    assert await times_of_run(api, owner.token, bare) == []


async def test_stravas_zones_hold_on_days_before_the_athletes_own(api, db, owner):
    for day, lowest in ((date(1900, 1, 1), [104]), (date(2026, 3, 5), [100, 104])):
        make.create_zones(db, owner.athlete_id, day, lowest, from_strava=True)
    before = make.create_activity(db, owner.athlete_id, started_at=make.NOON.replace(month=2))
    make.create_heart_rates(db, before, 100, (1.0, 2.0, 3.0, 4.0, 5.0))
    assert await times_of_run(api, owner.token, before) == [(1, 5)]
    assert await times_of_run(api, owner.token, run(db, owner, 9)) == [(1, 1), (2, 5), (3, 9)]


async def test_a_period_sums_up_by_the_zones_of_each_day_and_each_run_once(api, db, owner):
    run(db, owner, 9)
    original = run(db, owner, 10)
    run(db, owner, 10, duplicate_of_id=original)
    assert await times_of(api, owner, owner.token) == [(1, 8), (2, 10), (3, 9)]
    assert await times_of(api, owner, owner.token, **{"from": "2026-03-10"}) == [(1, 7), (2, 5)]
    assert await times_of(api, owner, owner.token, until="2026-03-09") == [(1, 1), (2, 5), (3, 9)]


async def test_zones_hold_from_their_day_on(api, owner):
    async def zones(day):
        found = await api.ask(ZONES, owner.token, id=owner.id, on=day)
        return [tuple(each.values()) for each in found["athlete"]["heartRateZones"]]

    assert await zones("2026-02-28") == []
    assert await zones("2026-03-09") == [
        (1, 0, 101, "2026-03-01"), (2, 101, 103, "2026-03-01"), (3, 103, None, "2026-03-01"),
    ]  # fmt: skip
    latest = [(1, 102, 104, "2026-03-10"), (2, 104, None, "2026-03-10")]
    assert await zones("2026-03-10") == latest
    assert await zones(None) == latest


async def test_others_see_neither_zones_nor_times(sharing_api, db, owner):
    stranger = make.create_person(db)
    activity = run(db, owner, 9)
    assert await times_of_run(sharing_api, stranger.token, activity) == []
    assert await times_of(sharing_api, owner, stranger.token) == []
    found = await sharing_api.ask(ZONES, stranger.token, id=owner.id)
    assert found["athlete"]["heartRateZones"] == []


async def test_an_athlete_sets_changes_and_removes_zones(api, db):
    person = make.create_person(db)
    for bpm in ([100, 120], [0, 110, 130], []):
        done = await api.ask(UPDATE, person.token, id=person.id, day="2026-01-01", bpm=bpm)
        assert done["updateAthlete"] == {
            "athlete": {"id": person.id},
            "job": None,
            "userErrors": [],
        }
        found = await api.ask(ZONES, person.token, id=person.id)
        assert [each["lowestBeatsPerMinute"] for each in found["athlete"]["heartRateZones"]] == bpm


@pytest.mark.parametrize(
    ("bpm", "place"),
    [
        ([100, 100], ["1"]),
        ([60, 100, 90], ["2"]),
        ([-1], ["0"]),
        ([100, 251], ["1"]),
        (list(range(11)), []),
    ],
)
async def test_zones_that_cannot_be_are_refused_by_their_place(api, db, bpm, place):
    person = make.create_person(db)
    done = await api.ask(UPDATE, person.token, id=person.id, day="2026-01-01", bpm=bpm)
    field = ["input", "heartRateZones", "lowestBeatsPerMinute", *place]
    assert done["updateAthlete"]["userErrors"] == [{"field": field}]
    assert db.exec_driver_sql("SELECT count(*) FROM heart_rate_zones").scalar_one() == 0
