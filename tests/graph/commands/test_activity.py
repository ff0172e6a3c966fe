"""Editing, hiding, excluding, deleting and restoring an activity, and what follows from it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert

from db.models import OldId
from db.statements.strava.nightly_sync import FOR_NIGHT
from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON
from tests.graph.api import serve
from tests.graph.test_mutation import mutate
from tests.originals import create_original

pytestmark = pytest.mark.anyio

SHOWN = """activity { name description notes isRace hidden excluded visibility gear { id } }
    personalBestChanges { distance formerId personalBest { id elapsedTimeSeconds } }"""
DELETED = """deletedActivityId athlete { id } recordings { id duplicateOf { id } }
    personalBestChanges { distance formerId personalBest { id elapsedTimeSeconds } }"""
RESTORED = "athlete { id } job { id kind status }"


@pytest.fixture
def person(db):
    return make.create_person(db, shares=True)


class Runs:
    """Two runs: 5 km in 1300 and, a day later, in 1200 seconds."""

    def __init__(self, db, person, **columns) -> None:
        self.rows, self.efforts = [], []
        for day, elapsed_s in enumerate((1300.0, 1200.0)):
            moment = NOON + timedelta(days=day)
            row = make.create_activity(db, person.athlete_id, started_at=moment, **columns)
            self.rows.append(row)
            self.efforts.append(make.create_best_effort(db, row, elapsed_s=elapsed_s))
        make.recalculate_bests(db, person.athlete_id)
        self.slow, self.fast = (encode_id("Activity", each) for each in self.rows)
        self.slow_best, self.fast_best = (encode_id("PersonalBest", each) for each in self.efforts)

    @property
    def slow_is_best(self) -> list[dict]:
        """What changes when the fast one no longer counts."""
        best = {"id": self.slow_best, "elapsedTimeSeconds": 1300}
        return [{"distance": "KM5", "formerId": self.fast_best, "personalBest": best}]


@pytest.fixture
def runs(db, person) -> Runs:
    return Runs(db, person, visibility="EVERYONE")


async def update(api, person, activity, **given) -> dict:
    return await mutate(api, "updateActivity", person.token, SHOWN, activityId=activity, **given)


async def test_what_is_given_changes_and_all_else_stays(api, db, person, runs):
    gear = encode_id("Gear", make.create_gear(db, person.athlete_id))
    given = {"name": " Tempo ", "description": "Hot.", "notes": "Left knee", "isRace": True}
    payload = await update(api, person, runs.slow, gearId=gear, **given)
    assert payload["userErrors"] == []
    assert payload["activity"] == {
        "name": "Tempo", "description": "Hot.", "notes": "Left knee", "isRace": True,
        "hidden": False, "excluded": False, "visibility": "EVERYONE", "gear": {"id": gear},
    }  # fmt: skip
    assert payload["personalBestChanges"] == []
    cleared = (await update(api, person, runs.slow, notes=None, gearId=None))["activity"]
    assert (cleared["notes"], cleared["gear"], cleared["name"]) == (None, None, "Tempo")
    edited = "SELECT edited FROM activities WHERE id = %s"
    assert sorted(db.exec_driver_sql(edited, (runs.rows[0],)).scalar_one()) == [
        "description", "gear_id", "is_race", "name",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"name": None}, "name", "INVALID"),
        ({"name": " "}, "name", "INVALID"),
        ({"hidden": None}, "hidden", "INVALID"),
        ({"notes": "n" * 10_001}, "notes", "INVALID"),
        ({"gearId": "nonsense"}, "gearId", "INVALID"),
        ({"gearId": encode_id("Gear", 2**62 + 1)}, "gearId", "NOT_FOUND"),
    ],
)
async def test_bad_input_is_refused_by_field(api, db, person, runs, given, field, code):
    payload = await update(api, person, runs.slow, **given)
    [error] = payload["userErrors"]
    assert (error["field"], error["code"], payload["activity"]) == (["input", field], code, None)


async def test_gear_of_another_athlete_is_not_found(api, db, person, runs):
    gear = make.create_gear(db, make.create_person(db).athlete_id)
    [error] = (await update(api, person, runs.slow, gearId=encode_id("Gear", gear)))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "gearId"], "NOT_FOUND")


async def test_excluding_brings_the_previous_best_back_and_including_undoes_it(api, person, runs):
    payload = await update(api, person, runs.fast, excluded=True)
    assert payload["activity"]["excluded"] is True
    assert payload["personalBestChanges"] == runs.slow_is_best
    assert (await update(api, person, runs.fast, excluded=True))["personalBestChanges"] == []
    [change] = (await update(api, person, runs.fast, excluded=False))["personalBestChanges"]
    assert (change["formerId"], change["personalBest"]["id"]) == (runs.slow_best, runs.fast_best)


async def test_another_recording_counts_for_an_excluded_one(api, db, person, runs):
    watch = make.create_activity(
        db, person.athlete_id, duplicate_of_id=runs.rows[1], source="FILE", strava_id=None,
        started_at=NOON + timedelta(days=1, seconds=3),
    )  # fmt: skip
    effort = make.create_best_effort(db, watch, elapsed_s=1210.0)
    make.recalculate_bests(db, person.athlete_id)
    [change] = (await update(api, person, runs.fast, excluded=True))["personalBestChanges"]
    assert change["personalBest"] == {
        "id": encode_id("PersonalBest", effort), "elapsedTimeSeconds": 1210,
    }  # fmt: skip
    [change] = (await update(api, person, encode_id("Activity", watch), excluded=True))[
        "personalBestChanges"
    ]
    assert change["personalBest"]["id"] == runs.slow_best


OTHERS = """query($id: ID!, $run: ID!) {
    activity(id: $run) { hidden excluded notes }
    athlete(id: $id) { personalBests { elapsedTimeSeconds } activities { totalCount } } }"""


async def test_others_do_not_see_what_is_hidden_until_it_is_shown_again(settings, db, person, runs):
    stranger = make.create_person(db)
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:

        async def seen() -> tuple:
            found = await api.ask(OTHERS, stranger.token, id=person.id, run=runs.fast)
            bests = [each["elapsedTimeSeconds"] for each in found["athlete"]["personalBests"]]
            return found["activity"], bests, found["athlete"]["activities"]["totalCount"]

        await update(api, person, runs.fast, notes="mine")
        shown = {"hidden": None, "excluded": None, "notes": None}
        assert await seen() == (shown, [1200], 2)
        payload = await update(api, person, runs.fast, hidden=True)
        assert (payload["activity"]["hidden"], payload["activity"]["visibility"]) == (
            True, "ONLY_ME",
        )  # fmt: skip
        assert payload["personalBestChanges"] == []  # the athlete's own stay
        assert await seen() == (None, [1300], 1)
        await update(api, person, runs.fast, hidden=True)
        payload = await update(api, person, runs.fast, hidden=False)
        assert payload["activity"]["visibility"] == "EVERYONE"
        assert await seen() == (shown, [1200], 2)


HIDDEN = "recordings { id hidden visibility }"


async def test_all_recordings_of_a_hidden_run_are_hidden(settings, db, person):
    stranger = make.create_person(db)
    one, two = (
        make.create_activity(
            db, person.athlete_id, started_at=NOON + timedelta(seconds=n), source="FILE",
            strava_id=None, visibility="EVERYONE",
        )
        for n in range(2)
    )  # fmt: skip
    db.exec_driver_sql("UPDATE activities SET duplicate_of_id = %s WHERE id = %s", (one, two))
    first, second = encode_id("Activity", one), encode_id("Activity", two)
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:

        async def hide(activity, *, hidden) -> list:
            given = {"activityId": activity, "hidden": hidden}
            payload = await mutate(api, "updateActivity", person.token, HIDDEN, **given)
            return [each["id"] for each in payload["recordings"]]

        async def separate(activity, *, undo) -> None:
            given = {"activityId": activity, "undo": undo}
            fields = "activity { id }"
            await mutate(api, "separateRecording", person.token, fields, **given)

        async def seen() -> list:
            asked = "query($id: ID!) { athlete(id: $id) { activities { nodes { id } } } }"
            found = await api.ask(asked, stranger.token, id=person.id)
            return [each["id"] for each in found["athlete"]["activities"]["nodes"]]

        assert await seen() == [second, first]
        assert await hide(second, hidden=True) == [first]
        assert await seen() == []
        noted = "SELECT activity_ids FROM athlete_changes ORDER BY id DESC LIMIT 1"
        assert db.exec_driver_sql(noted).scalar_one() == sorted([one, two])
        assert await hide(second, hidden=True) == []
        await separate(second, undo=False)
        assert await hide(second, hidden=False) == []
        assert await seen() == [second]
        await separate(second, undo=True)  # it joins the hidden run
        assert await seen() == []
        assert await hide(first, hidden=False) == [second]
        assert await seen() == [second, first]


async def delete(api, person, activity) -> dict:
    return await mutate(api, "deleteActivity", person.token, DELETED, activityId=activity)


async def test_deleting_brings_the_previous_best_back(api, db, person, runs):
    payload = await delete(api, person, runs.fast)
    assert payload == {
        "deletedActivityId": runs.fast, "athlete": {"id": person.id}, "recordings": [],
        "personalBestChanges": runs.slow_is_best, "userErrors": [],
    }  # fmt: skip
    gone = await api.ask("query($id: ID!) { activity(id: $id) { id } }", person.token, id=runs.fast)
    assert gone == {"activity": None}
    again = await delete(api, person, runs.fast)
    assert (again["deletedActivityId"], again["personalBestChanges"]) == (runs.fast, [])
    last = await delete(api, person, runs.slow)
    assert last["personalBestChanges"] == [
        {"distance": "KM5", "formerId": runs.slow_best, "personalBest": None}
    ]


async def test_the_other_recordings_of_a_deleted_one_are_grouped_again(api, db, person):
    one, two, three = (
        make.create_activity(
            db, person.athlete_id, started_at=NOON + timedelta(seconds=n), source="FILE",
            strava_id=None,
        )
        for n in range(3)
    )  # fmt: skip
    db.exec_driver_sql(
        "UPDATE activities SET duplicate_of_id = %s WHERE id IN (%s, %s)", (one, two, three)
    )
    payload = await delete(api, person, encode_id("Activity", one))
    [first, second] = payload["recordings"]
    assert {first["id"], second["id"]} == {encode_id("Activity", each) for each in (two, three)}
    assert (first["duplicateOf"], second["duplicateOf"]) == (None, {"id": first["id"]})
    noted = "SELECT activity_ids, deleted_ids FROM athlete_changes"
    assert db.exec_driver_sql(noted).one() == (sorted([two, three]), [one])


async def restore(api, person, activity, **given) -> dict:
    return await mutate(
        api, "restoreActivity", person.token, RESTORED, activityId=activity, **given
    )


async def test_a_deleted_one_of_strava_is_fetched_again(api, db, person, runs):
    make.create_connection(db, person.athlete_id)
    await delete(api, person, runs.fast)
    payload = await restore(api, person, runs.fast, idempotencyKey="once")
    assert (payload["job"]["kind"], payload["athlete"]) == ("STRAVA_SYNC", {"id": person.id})
    assert not db.exec_driver_sql("SELECT count(*) FROM deleted_activities").scalar_one()
    again = await restore(api, person, runs.fast, idempotencyKey="once")
    assert again["job"]["id"] == payload["job"]["id"]
    [error] = (await restore(api, person, runs.fast))["userErrors"]
    assert error["code"] == "NOT_FOUND"
    await delete(api, person, runs.slow)
    [error] = (await restore(api, person, runs.slow))["userErrors"]
    assert error["code"] == "CONFLICT"  # the first sync is still under way
    assert db.exec_driver_sql("SELECT count(*) FROM deleted_activities").scalar_one() == 1


async def test_one_of_a_file_is_read_from_its_original(api, db, person, runs):
    slow, fast = runs.rows[:2]
    db.exec_driver_sql("UPDATE activities SET source = 'FILE', strava_id = NULL")
    create_original(db, person.athlete_id, slow)
    joined = "INSERT INTO imported_files (athlete_id, digest, place, activity_id, file_name) \
        SELECT athlete_id, digest, 1, %s, 'a' FROM imported_files"
    db.exec_driver_sql(joined, (fast,))
    await delete(api, person, runs.fast)
    other = make.create_job(db, person.athlete_id, kind="IMPORT", status="QUEUED")
    [error] = (await restore(api, person, runs.fast))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "activityId"], "CONFLICT")
    assert error["message"].startswith("An import is under way")
    db.exec_driver_sql("DELETE FROM jobs WHERE id = %s", (other,))
    payload = await restore(api, person, runs.fast)
    assert payload["userErrors"] == []
    assert payload["job"]["kind"] == "IMPORT"
    await delete(api, person, runs.slow)  # the last activity of the file, which goes with it
    payload = await restore(api, person, runs.slow)
    assert (payload["userErrors"], payload["job"]) == ([], None)


LISTED = """query($id: ID!, $after: String) { athlete(id: $id) { deletedActivities(first: 1, after: $after) {
    totalCount nodes { activityId stravaId deletedAt } pageInfo { hasNextPage endCursor } } } }"""


async def test_deleted_activities_are_listed_for_their_athlete_alone(settings, db, person, runs):
    db.exec_driver_sql(
        "UPDATE activities SET source = 'FILE', strava_id = NULL WHERE id = %s", (runs.rows[0],)
    )
    strava_id = "SELECT strava_id::text FROM activities WHERE id = %s"
    told = db.exec_driver_sql(strava_id, (runs.rows[1],)).scalar_one()
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:

        async def listed(token, after=None) -> dict:
            found = await api.ask(LISTED, token, id=person.id, after=after)
            return found["athlete"]["deletedActivities"]

        assert (await listed(person.token))["totalCount"] == 0
        for each in (runs.slow, runs.fast):
            await delete(api, person, each)
        first = await listed(person.token)
        [node] = first["nodes"]
        assert (node["activityId"], node["stravaId"]) == (runs.fast, told)
        assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (2, True)
        second = await listed(person.token, first["pageInfo"]["endCursor"])
        [node] = second["nodes"]
        assert (node["activityId"], node["stravaId"]) == (runs.slow, None)
        assert await listed(make.create_person(db).token) == {
            "totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None},
        }  # fmt: skip
        assert (await restore(api, person, node["activityId"]))["userErrors"] == []
        assert (await listed(person.token))["totalCount"] == 1


async def test_the_servers_own_sync_makes_way_for_a_restored_one(api, db, person, runs):
    make.create_connection(db, person.athlete_id)
    nightly = make.create_job(db, person.athlete_id, status="QUEUED", arguments=FOR_NIGHT)
    await delete(api, person, runs.fast)
    payload = await restore(api, person, runs.fast)
    assert (payload["userErrors"], payload["job"]["status"]) == ([], "QUEUED")
    ended = db.exec_driver_sql("SELECT status FROM jobs WHERE id = %s", (nightly,)).scalar_one()
    assert ended == "CANCELLED"


async def test_deleting_it_again_does_nothing_also_at_once_and_by_an_older_id(
    api, db, person, runs
):
    of_three = await asyncio.gather(*(delete(api, person, runs.fast) for _ in range(3)))
    assert [each["userErrors"] for each in of_three] == [[]] * 3
    assert sorted(len(each["personalBestChanges"]) for each in of_three) == [0, 0, 1]
    old, number = encode_id("Activity", 7), runs.rows[0]
    values = {"type_name": "Activity", "old_id": 7, "new_id": number}
    db.execute(insert(OldId), values)
    for changes in (1, 0):
        payload = await delete(api, person, old)
        assert (payload["userErrors"], payload["deletedActivityId"]) == ([], runs.slow)
        assert len(payload["personalBestChanges"]) == changes
    stranger = make.create_person(db)
    for each in (await delete(api, stranger, old), await restore(api, stranger, old)):
        assert [error["code"] for error in each["userErrors"]] == ["NOT_FOUND"]
    of_two = await asyncio.gather(*(restore(api, person, old) for _ in range(2)))
    assert sorted(len(each["userErrors"]) for each in of_two) == [0, 1]
    assert {each["code"] for two in of_two for each in two["userErrors"]} == {"NOT_FOUND"}


async def test_nobody_else_changes_deletes_or_restores_it(api, db, person, runs):
    stranger = make.create_person(db)
    for payload in (
        await update(api, stranger, runs.fast, name="Mine"),
        await delete(api, stranger, runs.fast),
    ):
        [error] = payload["userErrors"]
        assert (error["field"], error["code"]) == (["input", "activityId"], "NOT_FOUND")
    await delete(api, person, runs.fast)
    for payload in (
        await delete(api, stranger, runs.fast),
        await restore(api, stranger, runs.fast),
    ):
        assert [each["code"] for each in payload["userErrors"]] == ["NOT_FOUND"]
