"""Ids: plain numbers, GraphQL's, and the UUIDs of the older service, which answers have, too, where
there is one.
"""

from uuid import UUID, uuid4

import pytest

from graph.global_id import decode_id, encode_id
from legacy.rest.uuids import uuid_of

pytestmark = pytest.mark.anyio

OLD_ATHLETE, OLD_RUN = str(uuid4()), str(uuid4())
TABLE = (
    "CREATE TABLE legacy.ids (kind text, old_id text, new_id bigint, PRIMARY KEY (kind, old_id))"
)


@pytest.fixture
def adopted(db, people):
    """The owner and the public run came from the older service."""
    db.exec_driver_sql("CREATE SCHEMA legacy")
    db.exec_driver_sql(TABLE)
    keep(db, "athlete", OLD_ATHLETE, people.owner.athlete_id)
    keep(db, "activity", OLD_RUN, people.public_run)


def keep(db, kind: str, old_id: str, new_id: int) -> None:
    db.exec_driver_sql("INSERT INTO legacy.ids VALUES (%s, %s, %s)", (kind, old_id, new_id))


@pytest.mark.usefixtures("adopted")
async def test_every_spelling_leads_to_the_same(rest, people):
    spellings = [
        OLD_ATHLETE, OLD_ATHLETE.upper(), OLD_ATHLETE.replace("-", ""), people.owner.id, str(people.owner.athlete_id),
    ]  # fmt: skip
    answers = [await rest.get(f"/v1/athletes/{each}", people.owner.token) for each in spellings]
    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1
    assert answers[0].json()["id"] == OLD_ATHLETE
    assert answers[0].json()["graphql_id"] == people.owner.id


@pytest.mark.usefixtures("adopted")
async def test_what_was_adopted_keeps_its_id_wherever_it_is_named(rest, people):
    token = people.owner.token
    newer, older = (await rest.get("/v1/activities?athlete_id=" + OLD_ATHLETE, token)).json()
    assert (older["id"], older["athlete_id"]) == (OLD_RUN, OLD_ATHLETE)
    assert (newer["id"], newer["athlete_id"]) == (
        uuid_of(encode_id("Activity", people.private_run)),
        OLD_ATHLETE,
    )
    assert (await rest.get(f"/v1/activities/{OLD_RUN}", token)).json()["id"] == OLD_RUN
    for path in ("personal-bests", "age-grades"):
        [best] = (
            await rest.get(f"/v1/athletes/{OLD_ATHLETE}/{path}", people.stranger.token)
        ).json() or [None]
        if best:
            assert (best["athlete_id"], best["activity_id"]) == (OLD_ATHLETE, OLD_RUN)
    task = (await rest.send("POST", f"/v1/athletes/{OLD_ATHLETE}/recalculate-pbs", token)).json()
    assert task["status"] == "queued"


@pytest.mark.usefixtures("adopted")
async def test_a_uuid_gives_no_more_right_than_another_id(rest, people, db):
    hidden = str(uuid4())
    keep(db, "athlete", hidden, people.stranger.athlete_id)
    invisible = await rest.get(f"/v1/athletes/{hidden}", people.owner.token)
    unknown = await rest.get(f"/v1/athletes/{uuid4()}", people.owner.token)
    of_another_kind = await rest.get(f"/v1/athletes/{OLD_RUN}", people.owner.token)
    assert {each.status_code for each in (invisible, unknown, of_another_kind)} == {404}
    assert invisible.json() == unknown.json() == of_another_kind.json()
    for path in (
        f"/v1/athletes/{hidden}/recalculate-pbs",
        f"/v1/athletes/{uuid4()}/recalculate-pbs",
    ):
        assert (await rest.send("POST", path)).status_code == 401


@pytest.mark.usefixtures("adopted")
async def test_changes_do_not_tell_which_uuids_there_are(rest, people, db):
    hidden = str(uuid4())
    keep(db, "athlete", hidden, people.stranger.athlete_id)
    for path in ("/v1/athletes/{}/recalculate-pbs", "/strava/sync?athlete_id={}"):
        invisible, unknown = [
            await rest.send("POST", path.format(each), people.owner.token)
            for each in (hidden, uuid4())
        ]
        assert (invisible.status_code, invisible.json()) == (unknown.status_code, unknown.json())
        assert invisible.status_code == 404
        assert invisible.headers.keys() == unknown.headers.keys()


async def test_every_id_is_a_uuid_and_leads_back(rest, people):
    """A caller that knows ids as UUIDs only reads all there is."""
    token, athlete = people.owner.token, uuid_of(people.owner.id)
    found = [
        (await rest.get(path, token)).json()
        for path in (
            "/v1/athletes", "/v1/activities", f"/v1/activities?athlete_id={athlete}",
            f"/v1/athletes/{athlete}/personal-bests", f"/v1/athletes/{athlete}/age-grades",
            f"/v1/activities/{uuid_of(people.ids['activity_id'])}",
        )
    ]  # fmt: skip
    names = {"id", "athlete_id", "activity_id", "personal_best_id"}
    ids = [(name, value) for name, value in members(found) if name in names]
    assert {name for name, _ in ids} >= names - {"personal_best_id"}
    assert {UUID(value).version for _, value in ids} == {8}
    assert all(decode_id(value, name) for name, value in members(found) if name == "graphql_id")


def members(value):
    if isinstance(value, list):
        return [each for item in value for each in members(item)]
    if not isinstance(value, dict):
        return []
    return [*value.items(), *(each for item in value.values() for each in members(item))]


async def test_a_uuid_of_another_kind_leads_to_nothing(rest, people):
    response = await rest.get(
        f"/v1/athletes/{uuid_of(people.ids['activity_id'])}", people.owner.token
    )
    assert (response.status_code, response.json()["detail"]) == (404, "Athlete not found")


async def test_a_task_of_the_older_service_is_gone(rest, people):
    response = await rest.get(f"/strava/sync/{uuid4()}", people.owner.token)
    assert (response.status_code, response.json()["detail"]) == (404, "Task not found")


async def test_without_an_adopted_database_there_are_none(rest, people):
    assert (await rest.get(f"/v1/athletes/{OLD_ATHLETE}", people.owner.token)).status_code == 404
    assert (await rest.get("/v1/athletes/me", people.owner.token)).json()["id"] == uuid_of(
        people.owner.id
    )


@pytest.mark.usefixtures("adopted")
async def test_the_table_goes_while_the_api_runs(rest, people, db):
    assert (await rest.get("/v1/athletes/me", people.owner.token)).json()["id"] == OLD_ATHLETE
    db.exec_driver_sql("DROP SCHEMA legacy CASCADE")
    assert (await rest.get("/v1/athletes/me", people.owner.token)).json()["id"] == uuid_of(
        people.owner.id
    )
    assert (await rest.get(f"/v1/athletes/{OLD_ATHLETE}", people.owner.token)).status_code == 404


@pytest.mark.usefixtures("adopted")
async def test_several_that_became_one_go_by_the_same_id(rest, people, db):
    keep(db, "athlete", "00000000-0000-0000-0000-000000000001", people.owner.athlete_id)
    for _ in range(3):
        found = (await rest.get("/v1/athletes/me", people.owner.token)).json()["id"]
        assert found == "00000000-0000-0000-0000-000000000001"


@pytest.mark.usefixtures("adopted")
async def test_ids_take_as_many_statements_for_many_as_for_one(rest, people):
    token, counts = people.owner.token, []
    for limit in (1, 2):
        await rest.get(f"/v1/activities?limit={limit}", token)
        rest.queries.clear()
        await rest.get(f"/v1/activities?limit={limit}", token)
        await rest.get("/healthz")
        counts.append(len([each for each in rest.queries if "legacy.ids" in each]))
    assert counts == [2, 2]
