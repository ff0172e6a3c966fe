"""Answers with more bytes than one may have: they are refused on all ways, and nothing else is."""

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

MOST = 64 * 1024
NOTES = "viewer { athlete { activities(first: %d) { nodes { notes } } } }"
SMALL, LARGE = f"{{ {NOTES % 2} }}", f"{{ {NOTES % 20} }}"


@pytest.fixture
async def api(settings):
    async with serve(
        settings.model_copy(update={"answer_max_bytes": MOST, "introspection": "on"})
    ) as api:
        yield api


@pytest.fixture
def runner(db) -> make.Person:
    person = make.create_person(db)
    for number in range(20):
        make.create_activity(db, person.athlete_id, notes=f"{10 + number} " * 2000)
    return person


async def code_of(ask, query: str, token: str) -> str:
    [error] = (await ask(query, token))["errors"]
    return error["extensions"]["code"]


async def test_too_large_answers_are_refused_and_others_are_not(api, runner):
    both = f"{{ a: {NOTES % 7} b: {NOTES % 7} }}"
    for ask in (api.answer, api.answer_unplanned):
        assert await code_of(ask, LARGE, runner.token) == "ANSWER_TOO_LARGE"
        assert await code_of(ask, both, runner.token) == "ANSWER_TOO_LARGE"
    shown = (await api.ask(SMALL, runner.token))["viewer"]["athlete"]["activities"]["nodes"]
    assert len(shown) == 2


async def test_a_plan_leaves_them_in_postgresql(api, runner):
    services = api.app.state.services
    before = services.planner.fallbacks.total()
    refused = await api.post(LARGE, runner.token)
    assert refused.status_code == 422
    assert "pages" in refused.json()["errors"][0]["message"]
    assert services.planner.fallbacks.total() == before, "graphql-core did not try too"


async def test_a_mutation_is_done_all_the_same(api, runner, db):
    update = """mutation($id: ID!) { updateAthlete(input: { athleteId: $id, city: "Porto" }) {
        athlete { activities(first: 20) { nodes { notes } } } } }"""
    answer = await api.answer(update, runner.token, id=encode_id("Athlete", runner.athlete_id))
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["ANSWER_TOO_LARGE"]
    assert db.exec_driver_sql("SELECT city FROM athletes").scalar() == "Porto"


async def test_what_is_public_is_refused_too(api):
    schema = "{ __schema { types { name description fields { name description } } } }"
    assert await code_of(api.answer, schema, None) == "ANSWER_TOO_LARGE"
    answer = await api.http.get("/graphql", params={"query": schema})
    assert answer.json()["errors"][0]["extensions"]["code"] == "ANSWER_TOO_LARGE"


async def test_a_part_is_refused_alone(api, runner):
    parts = """{ viewer { id ... @defer { athlete {
        activities(first: 20) { nodes { notes } } } } } }"""
    headers = {
        "accept": "multipart/mixed, application/json",
        "authorization": f"Bearer {runner.token}",
    }
    answer = await api.http.post("/graphql", json={"query": parts}, headers=headers)
    first, _, rest = answer.text.partition('"hasNext":true')
    assert '"viewer":{"id"' in first
    assert "ANSWER_TOO_LARGE" in rest
