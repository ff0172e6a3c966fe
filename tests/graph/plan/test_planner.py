"""What plans promise besides the right answer: time, memory and cost that a hostile document cannot blow up."""

from time import perf_counter

import pytest

from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def api(settings):
    async with serve(settings) as api:
        yield api


def doubling(levels: int) -> str:
    """Fragments that each spread the next twice, under one response name."""
    spreads = [
        f"fragment F{n} on Activity {{ duplicateOf {{ ...F{n + 1} }} duplicateOf {{ ...F{n + 1} }} }}"
        for n in range(levels)
    ]
    return " ".join(
        ["query($id: ID!) { activity(id: $id) { ...F0 } }", *spreads, f"fragment F{levels} on Activity {{ id }}"]
    )


async def test_nested_spreads_do_not_double_the_time(api):
    started = perf_counter()
    answer = await api.answer(doubling(10), id="QWN0aXZpdHk6MQ==")
    assert answer["data"] == {"activity": None}
    assert perf_counter() - started < 2


async def test_what_is_below_an_empty_list_costs_too(api, settings):
    async with serve(settings.model_copy(update={"cost_limit": 100, "document_max_aliases": 200})) as limited:
        aliases = " ".join(f"a{n}: athlete {{ id }}" for n in range(200))
        query = f"{{ nodes(ids: []) {{ ... on Activity {{ {aliases} }} }} }}"
        assert (await limited.error(query))["code"] == "COST_LIMIT_EXCEEDED"


async def test_a_question_about_the_schema_costs_and_is_answered(api, settings):
    query = "{ __schema { queryType { name } } }"
    assert (await api.answer(query))["data"] == {"__schema": {"queryType": {"name": "Query"}}}
    async with serve(settings.model_copy(update={"cost_limit": 5})) as limited:
        assert (await limited.error(query))["code"] == "COST_LIMIT_EXCEEDED"


async def test_whole_numbers_are_written_alike_by_plan_and_by_graphql_core(api):
    query = (
        "{ ageGrade(input: {distanceMeters: 5000, elapsedTimeSeconds: 1000, sex: MALE, age: 30}) "
        "{ openStandardSeconds ageStandardSeconds percent } }"
    )
    executor = api.app.state.services.executor
    bodies = []
    for executor.plans_are_on in (True, False):
        bodies.append((await api.http.post("/graphql", json={"query": query})).content.partition(b',"extensions"')[0])
    assert bodies[0] == bodies[1]
    assert b'"openStandardSeconds":769,' in bodies[0]


@pytest.mark.parametrize(
    "query",
    ["query($x: Int = 1) { __typename }", "query($f: Boolean) { __typename @include(if: $f) }"],
    ids=["unused", "of another type"],
)
async def test_a_wrongly_used_variable_is_an_error_of_the_document(api, query):
    assert (await api.error(query))["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_plan_takes_one_statement(api, db):
    person = make.create_person(db)
    make.create_best(db, person.athlete_id)
    query = "{ viewer { athlete { activities { totalCount nodes { bestEfforts { rank } } } personalBests { id } } } }"
    assert len(await api.statements(query, person.token, planned=True)) == 1
