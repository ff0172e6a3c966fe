"""Nobody writes what is another's, nor learns by trying: what is hidden and what is absent are
refused alike.
"""

import json

import pytest
from graphql import GraphQLNonNull, get_named_type

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.exposed_athlete import create_exposed_athlete
from tests.graph.walk import SCHEMA, selection

pytestmark = pytest.mark.anyio

GIVEN = {
    "keepData": "false",
    "excluded": "true",
    "mode": "FULL",
    "name": '"x"',
    "scopes": "[READ]",
    "message": '"x"',
    "files": '[{name: "a.fit", sizeBytes: 9}]',
    "visibility": "ONLY_ME",
    "undo": "false",
    "uploadIds": '["VXBsb2FkOjk="]',
}
"""Values of input fields that name no object, by name; those that may be left out need none."""
NAMES_NOBODY = {"connectStrava", "createApiToken", "submitFeedback"}
"""Mutations that name no object: they write for the caller."""
ABSENT = 10**9


def mutations():
    """Each mutation with the type of what it names."""
    of_name = {
        "athleteId": "Athlete",
        "bestEffortId": "BestEffort",
        "activityId": "Activity",
        "gearId": "Gear",
    }
    of_id = {
        "cancelJob": "Job",
        "retryJob": "Job",
        "revokeApiToken": "ApiToken",
        "deleteOriginal": "Original",
    }
    for name, field in SCHEMA.mutation_type.fields.items():
        if name not in NAMES_NOBODY:
            inputs = get_named_type(field.args["input"].type).fields
            key = next((each for each in (*of_name, "id") if each in inputs), None)
            assert key, (
                f"{name}: whose is what it writes? Say so in tests/graph/test_privacy_write.py."
            )
            yield pytest.param(name, key, of_name.get(key) or of_id[name], id=name)


def text_of(name: str, key: str) -> str:
    """The mutation of what the variable `id` names."""
    field = SCHEMA.mutation_type.fields[name]
    inputs = get_named_type(field.args["input"].type).fields
    given = {key: "$id"} | {each: GIVEN[each] for each in inputs if each in GIVEN}
    missing = [
        each
        for each, type_ in inputs.items()
        if isinstance(type_.type, GraphQLNonNull) and each not in given
    ]
    assert not missing, f"{name}: {missing} has no value in tests/graph/test_privacy_write.py."
    values = ", ".join(f"{each}: {value}" for each, value in given.items())
    below = selection(field.type.of_type, 0)
    return f"mutation($id: ID!) {{ {name}(input: {{{values}}}) {{ {below} }} }}"


def rows(db) -> list:
    tables = (
        "athletes",
        "activities",
        "best_efforts",
        "personal_bests",
        "jobs",
        "uploads",
        "originals",
        "gear",
        "strava_connections",
        "feedback",
    )
    return [db.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id").all() for table in tables] + [
        db.exec_driver_sql("SELECT id, name, revoked_at FROM api_tokens ORDER BY id").all()
    ]


@pytest.fixture(scope="module")
def exposed(shared_db):
    return create_exposed_athlete(shared_db, shares=True, shares_age_grades=True)


@pytest.fixture(scope="module")
def tokens(shared_db):
    """Of all who may not write what is the athlete's."""
    everything = ("admin", "read", "sync")
    return [
        None,
        make.create_person(shared_db).token,
        make.create_person(shared_db, is_admin=True).token,
        make.create_person(shared_db, scopes=everything).token,
    ]


@pytest.mark.parametrize(("name", "key", "type_name"), list(mutations()))
async def test_who_may_not_write_is_refused_as_if_there_were_nothing(
    shared_sharing_api, shared_db, exposed, tokens, name, key, type_name
):
    api, text, before = shared_sharing_api, text_of(name, key), rows(shared_db)
    ids = [*exposed.shown.get(type_name, ()), *exposed.hidden.get(type_name, ())]
    for token in tokens:
        absent = await api.ask(text, token, id=encode_id(type_name, ABSENT))
        assert absent[name]["userErrors"]
        assert not [
            value
            for each, value in absent[name].items()
            if each not in {"__typename", "userErrors"} and value
        ]
        for each in ids:
            assert await api.ask(text, token, id=each) == absent
    assert rows(shared_db) == before


@pytest.mark.parametrize("input_field", ["activityId"])
async def test_what_an_input_names_besides_is_hidden_too(sharing_api, db, input_field):
    exposed, viewer = create_exposed_athlete(db, shares=True), make.create_person(db)
    make.create_connection(db, viewer.athlete_id)
    query = "mutation($input: SyncStravaInput!) { syncStrava(input: $input) { job { id } userErrors { code message } } }"
    ids = [*exposed.hidden["Activity"], encode_id("Activity", ABSENT)]
    answers = [
        await sharing_api.ask(
            query, viewer.token, input={"athleteId": viewer.id, input_field: each}
        )
        for each in ids
    ]
    assert answers[0]["syncStrava"]["job"] is None
    assert [each for each in answers if each != answers[0]] == []


async def test_what_is_written_for_the_caller_tells_of_nobody_else(sharing_api, db):
    exposed, viewer = create_exposed_athlete(db, shares=True), make.create_person(db)
    for text in (
        'mutation { createApiToken(input: {name: "x", scopes: [READ]}) { secret apiToken { id } } }',
        'mutation { submitFeedback(input: {message: "x"}) { accepted } }',
        "mutation { connectStrava { authorizationUrl } }",
    ):
        answer = json.dumps(await sharing_api.ask(text, viewer.token))
        assert [each for each in exposed.ids if each in answer] == []
