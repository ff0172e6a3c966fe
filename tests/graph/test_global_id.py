"""Global ids: what is no id is a typed error, what is absent or foreign is null, and the two look
the same.
"""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

NO_IDS = {
    "empty": "",
    "text": "activity 1",
    "not-base64": "QWN0aXZpdHk6MQ",
    "unknown-type": encode_id("Shoe", 1),
    "no-node": encode_id("TrainingSummary", 1),
    "zero": encode_id("Activity", 0),
    "negative": encode_id("Activity", -1),
    "beyond-bigint": encode_id("Activity", 2**63),
    "leading-zero": "QWN0aXZpdHk6MDE=",
    "arabic-digits": "QWN0aXZpdHk62aE=",
    "nul": "\x00",
    "emoji": "🏃",
    "long": "A" * 10_000,
}
TYPED = {
    "athlete": ("query($id: ID!) { found: athlete(id: $id) { id } }", "Athlete"),
    "activity": ("query($id: ID!) { found: activity(id: $id) { id } }", "Activity"),
    "job": ("query($id: ID!) { found: job(id: $id) { id } }", "Job"),
}
NODE = "query($id: ID!) { found: node(id: $id) { id __typename } }"
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
OF_OTHER_TYPE = {"athlete": "Activity", "activity": "BestEffort", "job": "Athlete"}


@pytest.mark.parametrize("bad", NO_IDS.values(), ids=NO_IDS)
@pytest.mark.parametrize(
    "query", [NODE, *(query for query, _ in TYPED.values())], ids=["node", *TYPED]
)
async def test_what_is_no_id_is_an_error_that_names_the_argument(shared_api, query, bad):
    assert await shared_api.error(query, id=bad) == {"code": "INVALID_ID", "field": "id"}


@pytest.mark.parametrize("bad", NO_IDS.values(), ids=NO_IDS)
async def test_one_bad_id_among_good_ones_is_an_error(shared_api, bad):
    assert await shared_api.error(NODES, ids=[encode_id("Activity", 1), bad]) == {
        "code": "INVALID_ID",
        "field": "ids[1]",
    }


@pytest.mark.parametrize("name", TYPED)
async def test_an_id_of_another_type_is_an_error(shared_api, name):
    error = await shared_api.error(TYPED[name][0], id=encode_id(OF_OTHER_TYPE[name], 1))
    assert error == {"code": "INVALID_ID", "field": "id"}


@pytest.mark.parametrize("name", TYPED)
async def test_absent_and_foreign_look_the_same(api, db, name):
    caller, other = make.create_person(db), make.create_person(db)
    query, type_name = TYPED[name]
    foreign = {
        "Athlete": other.athlete_id,
        "Activity": make.create_activity(db, other.athlete_id),
        "Job": make.create_job(db, other.athlete_id),
    }[type_name]
    answers = [
        await api.answer(query, caller.token, id=encode_id(type_name, n))
        for n in (foreign, 2**63 - 1)
    ]
    assert [each["data"] for each in answers] == [{"found": None}] * 2
    assert [each["extensions"]["cost"]["actual"] for each in answers] == [1] * 2


async def test_a_node_is_found_again_by_its_id(api, db):
    caller = make.create_person(db)
    effort_id = make.create_best(db, caller.athlete_id)
    for type_name, number in {
        "Athlete": caller.athlete_id,
        "BestEffort": effort_id,
        "PersonalBest": effort_id,
    }.items():
        global_id = encode_id(type_name, number)
        found = await api.ask(NODE, caller.token, id=global_id)
        assert found == {"found": {"id": global_id, "__typename": type_name}}


async def test_nodes_keep_their_order_with_null_for_the_absent(api, db):
    caller, other = make.create_person(db), make.create_person(db)
    own = encode_id("Activity", make.create_activity(db, caller.athlete_id))
    foreign = encode_id("Activity", make.create_activity(db, other.athlete_id))
    ids = [foreign, own, caller.id, encode_id("Job", 99), own]
    found = await api.ask(NODES, caller.token, ids=ids)
    assert found["nodes"] == [None, {"id": own}, {"id": caller.id}, None, {"id": own}]


async def test_what_is_no_id_costs_only_itself(api, db):
    caller = make.create_person(db)
    answer = await api.post(NODES, caller.token, ids=[caller.id, "bad", encode_id("Viewer", 1)])
    body = answer.json()
    assert body["data"]["nodes"] == [{"id": caller.id}, None, None]
    assert [(each["path"], each["extensions"]["field"]) for each in body["errors"]] == [
        (["nodes", 1], "ids[1]"),
        (["nodes", 2], "ids[2]"),
    ]
    assert {each["extensions"]["coordinate"] for each in body["errors"]} == {"Query.nodes(ids:)"}
    assert {each["extensions"]["code"] for each in body["errors"]} == {"INVALID_ID"}


@pytest.mark.parametrize("number", [0, 100], ids=["none", "most"])
async def test_nodes_takes_up_to_a_hundred(shared_api, number):
    assert await shared_api.ask(NODES, ids=[encode_id("Activity", 1)] * number) == {
        "nodes": [None] * number
    }


async def test_nodes_refuses_more_than_a_hundred(shared_api):
    error = await shared_api.error(NODES, ids=[encode_id("Activity", 1)] * 101)
    assert error == {"code": "OUT_OF_RANGE", "field": "ids"}
