"""Changing one's own data, and what follows from it."""

import asyncio

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.test_mutation import mutate

pytestmark = pytest.mark.anyio

CHANGED = (
    "athlete { firstName lastName city sex birthDate measurementSystem shares } job { kind status }"
)
FOLLOW_UPS = {
    "sex": ({"sex": "FEMALE"}, "PERSONAL_BESTS"),
    "sex-cleared": ({"sex": None}, "PERSONAL_BESTS"),
    "both": ({"sex": "FEMALE", "birthDate": "1990-01-01"}, "PERSONAL_BESTS"),
    "birth-date": ({"birthDate": "1990-01-01"}, "AGE_GRADES"),
    "birth-date-cleared": ({"birthDate": None}, "AGE_GRADES"),
    "same-values": ({"sex": "MALE", "birthDate": "1980-05-17"}, None),
    "neither": ({"city": "Lisboa"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("given", "kind"), FOLLOW_UPS.values(), ids=FOLLOW_UPS)
async def test_what_the_change_touches_is_calculated_anew(api, db, given, kind):
    caller = make.create_person(db)
    payload = await mutate(
        api, "updateAthlete", caller.token, CHANGED, athleteId=caller.id, **given
    )
    assert payload["job"] == (kind and {"kind": kind, "status": "QUEUED"})
    assert db.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == (kind is not None)


async def test_what_is_given_changes_and_all_else_stays(api, db):
    caller = make.create_person(db, last_name="Silva")
    given = {"firstName": " Zoë ", "city": " ", "measurementSystem": "IMPERIAL", "shares": True}
    payload = await mutate(
        api, "updateAthlete", caller.token, CHANGED, athleteId=caller.id, **given
    )
    assert payload["athlete"] == {
        "firstName": "Zoë",
        "lastName": "Silva",
        "city": None,
        "sex": "MALE",
        "birthDate": "1980-05-17",
        "measurementSystem": "IMPERIAL",
        "shares": True,
    }


EXCLUDED = """bestEffort { excluded counts rank isPersonalBest }
    athlete { personalBests { id elapsedTimeSeconds improvementSeconds }
              personalBestHistory(distance: KM5) { nodes { id } } bestEfforts(distance: KM5) { nodes { id rank } } }"""


@pytest.fixture
def three_efforts(db):
    """A caller whose 5 km were run in 1300, 1250 and 1200 seconds, in this order."""
    caller = make.create_person(db)
    moments = [make.NOON.replace(day=day) for day in (1, 2, 3)]
    efforts = [
        encode_id("BestEffort", make.create_best(db, caller.athlete_id, time, started_at=moment))
        for time, moment in zip((1300.0, 1250.0, 1200.0), moments, strict=True)
    ]
    return caller, efforts


async def exclude(api, caller, effort, excluded=True):
    given = {"bestEffortId": effort, "excluded": excluded}
    return await mutate(api, "excludeBestEffort", caller.token, EXCLUDED, **given)


async def test_bests_and_ranks_follow_an_exclusion_at_once(api, three_efforts):
    caller, efforts = three_efforts
    payload = await exclude(api, caller, efforts[2])
    assert payload["bestEffort"]["excluded"]
    assert not payload["bestEffort"]["isPersonalBest"]
    assert not payload["bestEffort"]["counts"]
    [best] = payload["athlete"]["personalBests"]
    assert (best["elapsedTimeSeconds"], best["improvementSeconds"]) == (1250.0, 50.0)
    assert payload["athlete"]["bestEfforts"]["nodes"] == [
        {"id": efforts[1], "rank": 1},
        {"id": efforts[0], "rank": 2},
    ]


async def test_excluding_a_link_of_the_history_closes_it(api, three_efforts):
    caller, efforts = three_efforts
    athlete = (await exclude(api, caller, efforts[1]))["athlete"]
    assert athlete["personalBests"][0]["improvementSeconds"] == 100.0
    assert len(athlete["personalBestHistory"]["nodes"]) == 2


async def test_including_again_restores_all(api, three_efforts):
    caller, efforts = three_efforts
    before = (await exclude(api, caller, efforts[2], excluded=False))["athlete"]
    await exclude(api, caller, efforts[2])
    assert (await exclude(api, caller, efforts[2], excluded=False))["athlete"] == before


async def test_excluding_the_only_effort_leaves_no_best(api, db):
    caller = make.create_person(db)
    effort = encode_id("BestEffort", make.create_best(db, caller.athlete_id))
    assert (await exclude(api, caller, effort))["athlete"]["personalBests"] == []


_WAITS = (
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def test_an_exclusion_that_waited_knows_the_run_as_it_is_then(
    api, db, connect_to, database_url
):
    """Who held the lock made the run of another group of recordings."""
    caller = make.create_person(db)
    first, second, third = (
        make.create_activity(db, caller.athlete_id, started_at=make.NOON.replace(minute=minute))
        for minute in range(3)
    )
    efforts = {
        activity: make.create_best_effort(db, activity, elapsed_s=1200.0 + activity % 7)
        for activity in (first, second, third)
    }
    joins = "UPDATE activities SET duplicate_of_id = %s WHERE id = %s"
    for each in (second, third):
        db.exec_driver_sql(joins, (first, each))
    make.recalculate_bests(db, caller.athlete_id)
    counts = "SELECT activity_id FROM best_efforts WHERE counts"
    assert set(db.exec_driver_sql(counts).scalars()) == {first}
    with connect_to(database_url) as other:
        other.exec_driver_sql("BEGIN")
        other.exec_driver_sql("SELECT FROM athletes FOR NO KEY UPDATE")
        effort = encode_id("BestEffort", efforts[second])
        excluding = asyncio.create_task(exclude(api, caller, effort))
        while not db.exec_driver_sql(_WAITS).all():
            assert not excluding.done()
            await asyncio.sleep(0.01)
        other.exec_driver_sql(joins, (None, second))
        other.exec_driver_sql(joins, (second, third))
        make.recalculate_bests(other, caller.athlete_id)
        other.exec_driver_sql("COMMIT")
        await excluding
    assert set(db.exec_driver_sql(counts).scalars()) == {first, third}
