"""Adding shoes, renaming and retiring them."""

import pytest

from db.statements.activities.gear import MOST_OF_ATHLETE
from graph.global_id import encode_id
from tests import factories as make
from tests.graph.test_mutation import mutate

pytestmark = pytest.mark.anyio

GEAR = "gear { id name retired distanceMeters }"


@pytest.fixture
def person(db):
    return make.create_person(db)


async def create(api, person, name, **given) -> dict:
    return await mutate(
        api, "createGear", person.token, GEAR, athleteId=person.id, name=name, **given
    )


async def update(api, person, gear, **given) -> dict:
    return await mutate(api, "updateGear", person.token, GEAR, gearId=gear, **given)


async def test_shoes_are_added_renamed_and_retired(api, person):
    gear = (await create(api, person, " Fast ", idempotencyKey="once"))["gear"]
    assert gear == {"id": gear["id"], "name": "Fast", "retired": False, "distanceMeters": 0}
    assert (await create(api, person, " Fast ", idempotencyKey="once"))["gear"] == gear
    assert (await update(api, person, gear["id"], retired=True))["gear"] == {
        **gear, "retired": True,
    }  # fmt: skip
    payload = await update(api, person, gear["id"], name="Old", retired=False)
    assert payload["gear"] == {**gear, "name": "Old"}
    assert (await update(api, person, gear["id"], name="old"))["gear"]["name"] == "old"


async def test_a_name_is_of_one_pair(api, person):
    await create(api, person, "Fast")
    other = (await create(api, person, "Other"))["gear"]["id"]
    await update(api, person, other, name="Renamed")
    for payload in (
        await create(api, person, "fast"),
        await create(api, person, "OTHER"),  # its source, if any, goes on calling it so
        await update(api, person, other, name="FAST"),
    ):
        [error] = payload["userErrors"]
        assert (error["field"], error["code"]) == (["input", "name"], "CONFLICT")
    assert (await update(api, person, other, name="Other"))["gear"]["name"] == "Other"


async def test_an_athlete_adds_a_hundred(api, db, person):
    first = (await create(api, person, "First", idempotencyKey="once"))["gear"]
    for number in range(MOST_OF_ATHLETE - 1):
        make.create_gear(db, person.athlete_id, name=f"{number}")
    [error] = (await create(api, person, "One more"))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "athleteId"], "CONFLICT")
    assert "`updateGear`" in error["message"]
    assert (await create(api, person, "First", idempotencyKey="once"))["gear"] == first


@pytest.mark.parametrize("given", [{"name": None}, {"name": ""}, {"retired": None}], ids=str)
async def test_bad_input_is_refused_by_field(api, db, person, given):
    gear = encode_id("Gear", make.create_gear(db, person.athlete_id))
    [error] = (await update(api, person, gear, **given))["userErrors"]
    assert (error["field"], error["code"]) == (["input", *given], "INVALID")


async def test_nobody_else_changes_it(api, db, person):
    gear = encode_id("Gear", make.create_gear(db, person.athlete_id))
    stranger = make.create_person(db)
    [error] = (await update(api, stranger, gear, name="Mine"))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "gearId"], "NOT_FOUND")
    payload = await mutate(
        api, "createGear", stranger.token, GEAR, athleteId=person.id, name="Mine"
    )
    assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]


DELETED = "deletedGearId activityCount athlete { gear { name } } replacement { id distanceMeters }"
SHOES = "SELECT gear_id, edited FROM activities ORDER BY started_at"


async def delete(api, person, gear, **given) -> dict:
    return await mutate(api, "deleteGear", person.token, DELETED, gearId=gear, **given)


async def test_deleted_shoes_leave_their_activities_to_others_or_none(api, db, person):
    old, new, mine = (make.create_gear(db, person.athlete_id, name=name) for name in "abc")
    for gear in (old, old, mine):
        make.create_activity(db, person.athlete_id, distance_m=5000.0, gear_id=gear)
    ids = {row: encode_id("Gear", row) for row in (old, new, mine)}
    payload = await delete(api, person, ids[old], replacementId=ids[new])
    assert payload == {
        "deletedGearId": ids[old], "activityCount": 2, "userErrors": [],
        "athlete": {"gear": [{"name": "b"}, {"name": "c"}]},
        "replacement": {"id": ids[new], "distanceMeters": 10_000},
    }  # fmt: skip
    payload = await delete(api, person, ids[mine])
    assert (payload["activityCount"], payload["replacement"]) == (1, None)
    found = [tuple(row) for row in db.exec_driver_sql(SHOES)]
    edited = ["gear_id"]
    assert sorted(map(str, found)) == sorted(
        map(str, [(new, edited), (new, edited), (None, edited)])
    )
    [error] = (await delete(api, person, ids[old]))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "gearId"], "NOT_FOUND")


async def test_shoes_that_cannot_be_deleted_stay(api, db, person):
    stravas = make.create_gear(db, person.athlete_id, name="a", strava_id="g7")
    own = encode_id("Gear", make.create_gear(db, person.athlete_id, name="b"))
    foreign = encode_id("Gear", make.create_gear(db, make.create_athlete(db), name="c"))
    make.create_connection(db, person.athlete_id)
    for gear, given, field, code in (
        (encode_id("Gear", stravas), {}, "gearId", "CONFLICT"),  # a sync would bring it back
        (own, {"replacementId": foreign}, "replacementId", "NOT_FOUND"),
        (own, {"replacementId": own}, "replacementId", "INVALID"),
        (foreign, {}, "gearId", "NOT_FOUND"),
    ):
        [error] = (await delete(api, person, gear, **given))["userErrors"]
        assert (error["field"], error["code"]) == (["input", field], code)
    assert db.exec_driver_sql("SELECT count(*) FROM gear").scalar_one() == 3
    db.exec_driver_sql("DELETE FROM strava_connections")
    assert (await delete(api, person, encode_id("Gear", stravas)))["userErrors"] == []
