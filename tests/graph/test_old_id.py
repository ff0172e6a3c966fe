"""Ids of versions before 0.3, which numbered the rows: they find the caller's own objects, and tell
nothing of others'.
"""

import pytest
from sqlalchemy import insert

from db.models import OldId
from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
ACTIVITY = "query($id: ID!) { activity(id: $id) { id } node(id: $id) { id } }"
EXCLUDE = """mutation($id: ID!) { excludeBestEffort(input: {bestEffortId: $id, excluded: true}) {
    bestEffort { id excluded } userErrors { code field } } }"""
OLD = {"Activity": 7, "BestEffort": 8, "PersonalBest": 8}


def renumber(db, activity_id, effort_id):
    """Record old ids of the two, as migration 0010 does."""
    db.execute(
        insert(OldId),
        [
            {"type_name": "Activity", "old_id": OLD["Activity"], "new_id": activity_id},
            {"type_name": "BestEffort", "old_id": OLD["BestEffort"], "new_id": effort_id},
        ],
    )


def create_run(db, athlete_id):
    """A run with a best effort that is a best; returns their global ids by type."""
    effort_id = make.create_best(db, athlete_id, visibility="EVERYONE")
    query = f"SELECT activity_id FROM best_efforts WHERE id = {effort_id}"
    activity_id = db.exec_driver_sql(query).scalar_one()
    renumber(db, activity_id, effort_id)
    numbers = {"Activity": activity_id, "BestEffort": effort_id, "PersonalBest": effort_id}
    return {name: encode_id(name, number) for name, number in numbers.items()}


def old_ids():
    return [encode_id(name, number) for name, number in OLD.items()]


async def test_old_ids_find_the_callers_own_objects(sharing_api, db):
    runner = make.create_person(db, shares=True)
    new = create_run(db, runner.athlete_id)
    wanted = [*old_ids(), new["Activity"], encode_id("Activity", 9)]
    for caller in (runner, make.create_admin(db)):
        found = await sharing_api.ask(NODES, caller.token, ids=wanted)
        expected = [{"__typename": name, "id": new[name]} for name in (*OLD, "Activity")]
        assert found["nodes"] == [*expected, None]
        one = await sharing_api.ask(ACTIVITY, caller.token, id=encode_id("Activity", 7))
        assert one == {"activity": {"id": new["Activity"]}, "node": {"id": new["Activity"]}}


async def test_old_ids_tell_nothing_of_what_others_share(sharing_api, db):
    runner, stranger = make.create_person(db, shares=True), make.create_person(db)
    new = create_run(db, runner.athlete_id)
    shared = await sharing_api.ask(NODES, stranger.token, ids=list(new.values()))
    assert [each["id"] for each in shared["nodes"]] == list(new.values())
    absent = [encode_id(name, number + 100) for name, number in OLD.items()]
    for token in (stranger.token, None):
        there, gone = [
            await sharing_api.answer(NODES, token, ids=ids) for ids in (old_ids(), absent)
        ]
        assert there["data"] == gone["data"] == {"nodes": [None] * 3}
        assert there["extensions"]["cost"]["actual"] == gone["extensions"]["cost"]["actual"]


async def test_an_effort_is_excluded_by_its_old_id(sharing_api, db):
    runner, stranger = make.create_person(db, shares=True), make.create_person(db)
    new = create_run(db, runner.athlete_id)
    old = encode_id("BestEffort", OLD["BestEffort"])
    refused = [
        await sharing_api.ask(EXCLUDE, stranger.token, id=each)
        for each in (old, new["BestEffort"], encode_id("BestEffort", 9))
    ]
    error = {"code": "NOT_FOUND", "field": ["input", "bestEffortId"]}
    assert refused == [{"excludeBestEffort": {"bestEffort": None, "userErrors": [error]}}] * 3
    done = await sharing_api.ask(EXCLUDE, runner.token, id=old)
    effort = {"id": new["BestEffort"], "excluded": True}
    assert done == {"excludeBestEffort": {"bestEffort": effort, "userErrors": []}}
