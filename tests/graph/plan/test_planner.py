"""What plans promise besides the right answer: time, memory and cost that a hostile document cannot
blow up.
"""

from threading import current_thread, main_thread
from time import process_time

import pytest

from db.statements import json_sql
from graph.global_id import encode_id
from tests import factories as make
from tests.graph.api import serve
from tests.switched import switched

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
        [
            "query($id: ID!) { activity(id: $id) { ...F0 } }",
            *spreads,
            f"fragment F{levels} on Activity {{ id }}",
        ]
    )


async def test_nested_spreads_do_not_double_the_time(api):
    started = process_time()
    answer = await api.answer(doubling(10), id="QWN0aXZpdHk6MQ==")
    assert answer["data"] == {"activity": None}
    assert process_time() - started < 2


async def test_the_sql_of_many_fields_is_not_made_on_the_event_loop(api, db, monkeypatch):
    person, made, real = make.create_person(db), [], json_sql.template

    def template(statement):
        made.append(current_thread())
        return real(statement)

    monkeypatch.setattr(json_sql, "template", template)
    fields = ["distance", "distanceMeters", "elapsedTimeSeconds", "rank", "excluded", "counts"]
    curves = [f"a{n}: paceCurve {{ {' '.join(fields[n % 6 : n])} id }}" for n in range(12)]
    query = f"query($id: ID!) {{ athlete(id: $id) {{ {' '.join(curves)} }} }}"
    assert "errors" not in await api.answer(query, person.token, id=person.id)
    here = [each for each in made if each is main_thread()]
    assert len(made) > 5
    assert len(here) < 4


async def test_what_is_below_an_empty_list_costs_too(api, settings):
    async with serve(
        settings.model_copy(update={"cost_limit": 100, "document_max_aliases": 200})
    ) as limited:
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
    bodies = []
    for is_planned in (True, False):
        with switched(api.app.state.services.flags, planned_execution=is_planned):
            answer = await api.http.post("/graphql", json={"query": query})
        bodies.append(answer.content.partition(b',"extensions"')[0])
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


async def test_ids_of_whatever_types_in_whatever_order_have_one_plan(api, db):
    """Else each list of types would be compiled anew, a tenth of a second for a hundred ids, found
    or not.
    """
    person = make.create_person(db)
    activity = encode_id("Activity", make.create_activity(db, person.athlete_id, name="Mine"))
    hidden = encode_id("Activity", make.create_activity(db, make.create_person(db).athlete_id))
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Activity { name } } }"
    lists = [[activity, person.id, hidden, encode_id("Job", 1), activity], [person.id], []]
    found = [(await api.ask(query, person.token, ids=ids))["nodes"] for ids in lists]
    mine = {"__typename": "Activity", "id": activity, "name": "Mine"}
    me = {"__typename": "Athlete", "id": person.id}
    assert found == [[mine, me, None, None, mine], [me], []]
    statements = [await api.statements(query, person.token, planned=True, ids=ids) for ids in lists]
    assert len({each[-1] for each in statements}) == 1


async def test_a_tree_of_many_objects_is_not_compiled(api, db):
    """Fragments write it with few tokens, and what is not found is given back: it would take
    seconds for nothing.
    """
    person = make.create_person(db)
    fragments = [
        f"fragment A{n} on Athlete {{ personalBests(distances: [KM5]) {{ previous {{ athlete {{ ...A{n + 1} }} }} "
        f"athlete {{ ...A{n + 1} }} }} b: personalBests(distances: [KM10]) {{ athlete {{ ...A{n + 1} }} }} "
        f"activities(first: 1) {{ nodes {{ athlete {{ ...A{n + 1} }} }} }} }}"
        for n in range(3)
    ]
    last = "fragment A3 on Athlete { id }"
    query = " ".join(["query($id: ID!) { athlete(id: $id) { ...A0 } }", *fragments, last])
    answer = await api.answer(query, person.token, id=person.id)
    assert answer["data"] == {
        "athlete": {"personalBests": [], "b": [], "activities": {"nodes": []}}
    }
    assert api.app.state.services.planner.fallbacks == {"too many objects": 1}


async def test_a_null_where_none_may_be_is_the_callers_fault_and_no_plans(api, caplog):
    for query in ('query($v: ID = "x") { athlete(id: $v) { id } }', _DIRECTION):
        assert (await api.answer(query, v=None))["errors"]
    assert not [each for each in caplog.records if "a plan failed" in each.message]


_DIRECTION = (
    "query($v: OrderDirection) { athletes(orderBy: {field: JOINED, direction: $v}) { totalCount } }"
)
