"""Schema coordinates in errors, and where they come from."""

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, get_named_type, parse

from graph.coordinates import coordinate_at, input_coordinate
from graph.global_id import encode_id
from graph.schema.build import build_core_schema
from tests import factories as make
from tests.error_links import unlinked
from tests.graph.api import serve

SCHEMA = build_core_schema()
DOCUMENT = """query Q($id: ID!) {
    mine: viewer { ...Who }
    node(id: $id) { id ... on Athlete { runs: activities(filter: {gear: "x"}) { nodes { id } } } }
    nodes(ids: ["x"]) { id }
    ... on Query { activities { ... { edges { node { name } } } } }
    __schema { types { name } }
}
fragment Who on Viewer { athlete { ...Athlete } }
fragment Athlete on Athlete { jobs(filter: {kinds: [IMPORT]}) { totalCount } }"""


def found(path, place=None, document=DOCUMENT):
    definitions = parse(document).definitions
    [operation] = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    fragments = {
        each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)
    }
    return coordinate_at(SCHEMA, operation, fragments, path, place)


@pytest.mark.parametrize(
    ("path", "place", "expected"),
    [
        (["mine"], None, "Query.viewer"),
        (["mine", "athlete", "jobs"], None, "Athlete.jobs"),
        (["mine", "athlete", "jobs"], "after", "Athlete.jobs(after:)"),
        (["mine", "athlete", "jobs"], "filter.kinds[0]", "JobFilter.kinds"),
        (["mine", "athlete", "jobs"], "no such", "Athlete.jobs"),
        (["node", "runs"], "filter.gear", "ActivityFilter.gear"),
        (["node", "id"], None, "Node.id"),
        (["nodes", 3, "id"], None, "Node.id"),
        (["nodes"], "ids[3]", "Query.nodes(ids:)"),
        (["activities", "edges", 0, "node", "name"], None, "Activity.name"),
        (["__schema", "types"], None, None),
        (["__schema"], None, None),
        (["absent", "name"], None, None),
    ],
)
def test_the_field_at_a_path(path, place, expected):
    assert found(path, place) == expected


def test_a_fragment_is_walked_once_however_often_it_is_spread():
    spreads = "\n".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    document = (
        f"query {{ ...F0 ...F0 }} {spreads} fragment F60 on Query {{ jobs {{ totalCount }} }}"
    )
    assert found(["jobs", "totalCount"], document=document) == "JobConnection.totalCount"


def test_a_place_in_an_input():
    of = get_named_type(SCHEMA.type_map["UpdateAthleteInput"])
    assert input_coordinate(of, "heartRateZones.lowestBeatsPerMinute[2]") == (
        "HeartRateZonesInput.lowestBeatsPerMinute"
    )
    assert input_coordinate(of, "heartRateZones.no") == "UpdateAthleteInput.heartRateZones"
    assert input_coordinate(of, "") is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "coordinate"),
    [
        ('{ all: activities(after: "x") { totalCount } }', "Query.activities(after:)"),
        (
            "{ activities(filter: {maxDistanceMeters: -1}) { totalCount } }",
            "ActivityFilter.maxDistanceMeters",
        ),
        ('{ job(id: "x") { id } }', "Query.job(id:)"),
        (
            "{ viewer { athlete { route: activities(last: 0) { totalCount } } } }",
            "Athlete.activities(last:)",
        ),
    ],
)
async def test_an_error_names_the_part_of_the_schema(api, db, query, coordinate):
    caller = make.create_person(db)
    make.create_activity(db, caller.athlete_id)
    [error] = (await api.both(query, caller.token, {}))["errors"]
    assert error["extensions"]["coordinate"] == coordinate


@pytest.mark.anyio
async def test_a_variable_that_does_not_fit_names_the_input_field(api):
    query = "query($filter: JobFilter) { jobs(filter: $filter) { totalCount } }"
    answer = await api.answer(query, filter={"kinds": ["NO"]})
    [error] = answer["errors"]
    assert unlinked(error["extensions"]) == {
        "code": "BAD_USER_INPUT",
        "field": "filter.kinds[0]",
        "coordinate": "JobFilter.kinds",
    }
    [error] = (await api.answer("query($id: ID!) { job(id: $id) { id } }", id=[]))["errors"]
    assert unlinked(error["extensions"]) == {"code": "BAD_USER_INPUT", "field": "id"}


@pytest.mark.anyio
async def test_what_costs_too_much_names_its_dearest_field(settings, db):
    caller = make.create_person(db)
    query = """{ viewer { athlete { runs: activities(first: 100) { nodes {
        efforts: bestEfforts { rank } } } } } }"""
    async with serve(settings.model_copy(update={"cost_limit": 1000})) as api:
        answer = await api.answer(query, caller.token)
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert error["extensions"]["path"] == ["viewer", "athlete", "runs", "nodes", "efforts"]
    assert error["extensions"]["coordinate"] == "Activity.bestEfforts"
    assert "efforts` (Activity.bestEfforts)" in error["message"]


@pytest.mark.anyio
async def test_an_id_of_nothing_is_no_error(api, db):
    caller = make.create_person(db)
    query = "query($id: ID!) { job(id: $id) { id } }"
    assert await api.ask(query, caller.token, id=encode_id("Job", 2**62)) == {"job": None}
