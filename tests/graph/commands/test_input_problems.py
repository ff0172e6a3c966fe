"""A mutation tells all that is wrong with its input at once, so that a form can show it."""

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.test_mutation import mutate

pytestmark = pytest.mark.anyio

LONG = "x" * 20_000


def of_activity(db, person) -> dict:
    return {"activityId": encode_id("Activity", make.create_activity(db, person.athlete_id))}


CASES = {
    "updateActivity": (
        of_activity,
        {"name": " ", "hidden": None, "notes": LONG, "gearId": "x"},
        ["hidden", "name", "notes", "gearId"],
    ),
    "updateAthlete": (
        lambda db, person: {"athleteId": person.id},
        {
            "shares": None, "hiddenRadiusMeters": None, "city": LONG, "birthDate": "2999-01-01",
            "maxHeartRate": 1000, "heartRateZones": {
                "validFrom": "2026-01-01", "lowestBeatsPerMinute": [100, 90]},
        },
        [
            "shares", "hiddenRadiusMeters", "city", "birthDate", "maxHeartRate",
            "heartRateZones.lowestBeatsPerMinute.1",
        ],
    ),
    "createApiToken": (
        lambda db, person: {"scopes": ["READ"]},
        {"name": "", "expiresAt": "2001-01-01T00:00:00Z"},
        ["name", "expiresAt"],
    ),
    "stageUploads": (
        lambda db, person: {"athleteId": person.id},
        {"files": [{"name": "a.fit", "sizeBytes": 5}, {"name": " ", "sizeBytes": -1}, {"name": "..", "sizeBytes": 1.5}]},
        ["files.1.name", "files.1.sizeBytes", "files.2.name", "files.2.sizeBytes"],
    ),
    "submitFeedback": (
        lambda db, person: {}, {"message": "", "contact": LONG}, ["message", "contact"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("mutation", CASES)
async def test_all_problems_are_told_at_once(api, db, mutation):
    person = make.create_person(db)
    right, wrong, fields = CASES[mutation]
    payload = await mutate(api, mutation, person.token, "__typename", **right(db, person), **wrong)
    told = payload["userErrors"]
    assert sorted(".".join(each["field"]) for each in told) == sorted(
        f"input.{field}" for field in fields
    )
    assert {each["code"] for each in told} == {"INVALID"}
    assert len({each["message"] for each in told}) == len(fields)


LINES = {
    "updateActivity": (of_activity, ["name"]),
    "updateAthlete": (CASES["updateAthlete"][0], ["firstName", "lastName", "city", "country"]),
    "createApiToken": (CASES["createApiToken"][0], ["name"]),
    "createGear": (CASES["updateAthlete"][0], ["name"]),
}


@pytest.mark.parametrize("mutation", LINES)
async def test_names_are_one_line(api, db, mutation):
    person = make.create_person(db)
    right, fields = LINES[mutation]
    for text in ("a\nb", "a\tb", "a\u2028b", "a\x7fb"):
        given = right(db, person) | dict.fromkeys(fields, text)
        told = (await mutate(api, mutation, person.token, "__typename", **given))["userErrors"]
        assert [each["field"][-1] for each in told] == fields
        assert all("contains a line break" in each["message"] for each in told)


async def test_a_number_is_written_as_people_write_it(api, db):
    person = make.create_person(db)
    query = "query($id: ID!) { athlete(id: $id) { activities(filter: {minDistanceMeters: -1}) { totalCount } } }"
    [error] = (await api.answer(query, person.token, id=person.id))["errors"]
    assert error["message"] == "`filter.minDistanceMeters` must be between 0 and 10000000."
