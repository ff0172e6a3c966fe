"""What the editions of September 2025 and 2026 added to GraphQL's language, for callers of this API.

spec.graphql.org has both, with a list of the changes. Generated queries (`plan/queries.py`) have empty
selection sets, too: there every way of running a query answers alike.
"""

import pytest

from graph.global_id import encode_id
from tests import factories as make

pytestmark = pytest.mark.anyio

PERFORMANCE = "{distanceMeters: 5000, elapsedTimeSeconds: 1200, sex: MALE, age: 40}"


async def test_operations_and_fragments_have_descriptions(shared_api):
    query = '''
        """What a page needs."""
        query Page("The performance." $input: AgeGradeInput!) { ageGrade(input: $input) { ...Grade } }
        "What is shown." fragment Grade on AgeGrade { sex }
    '''
    performance = {"distanceMeters": 5000, "elapsedTimeSeconds": 1200, "sex": "MALE", "age": 40}
    assert await shared_api.ask(query, input=performance) == {"ageGrade": {"sex": "MALE"}}


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ }", {}),
        ("{ viewer { } }", {"viewer": None}),
        ("{ ...F } fragment F on Query { }", {}),
        (f"{{ ageGrade(input: {PERFORMANCE}) {{ }} }}", {"ageGrade": {}}),
        ("{ standardDistances { ... on DistanceInfo { } } }", {"standardDistances": [{}] * 16}),
        ("mutation { }", {}),
        ("{ __schema { } }", {"__schema": {}}),
    ],
)
async def test_selections_may_be_empty(shared_api, query, data):
    assert await shared_api.ask(query) == data


async def test_of_rows_nothing_may_be_selected(shared_api, shared_db):
    person = make.create_person(shared_db)
    make.create_activity(shared_db, person.athlete_id)
    id_ = encode_id("Athlete", person.athlete_id)
    query = """query($id: ID!) { viewer { athlete { } } node(id: $id) { }
        athlete(id: $id) { activities { } again: activities { nodes { } pageInfo { } } stravaConnection { } } }"""
    assert await shared_api.ask(query, person.token, id=id_) == {
        "viewer": {"athlete": {}},
        "node": {},
        "athlete": {
            "activities": {},
            "again": {"nodes": [{}], "pageInfo": {}},
            "stravaConnection": None,
        },
    }


async def test_a_scalar_has_no_selection(shared_api):
    answer = await shared_api.answer("{ __typename { } }")
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "query",
    [
        "subscription { }",
        "subscription { ...F } fragment F on Subscription { }",
        'subscription { jobUpdated(id: "x") @skip(if: true) { id } }',
        'subscription($if: Boolean!) { ... @include(if: $if) { jobUpdated(id: "x") { id } } }',
    ],
)
async def test_a_subscription_has_one_field_whatever_the_variables(shared_api, query):
    answer = await shared_api.answer(query)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_texts_may_have_any_character_of_unicode(shared_api):
    query = r'{ athletes(filter: {nameContains: "\u{1F3C3} \uD83C\uDFC3 🏃"}) { nodes { id } } }'
    assert await shared_api.ask(query) == {"athletes": {"nodes": []}}


async def test_introspection_tells_what_is_deprecated_of_inputs_and_directives(shared_api):
    query = """{ input: __type(name: "SyncStravaInput") {
          all: inputFields(includeDeprecated: true) { name } isOneOf inputFields { name } }
        __schema { directives(includeDeprecated: true) { name isDeprecated deprecationReason
          args(includeDeprecated: true) { isDeprecated } } } }"""
    data = await shared_api.ask(query)
    names = {key: {each["name"] for each in data["input"][key]} for key in ("all", "inputFields")}
    assert names["all"] - names["inputFields"] == {"activityId"}
    assert not any(each["isDeprecated"] for each in data["__schema"]["directives"])
