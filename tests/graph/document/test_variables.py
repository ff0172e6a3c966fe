"""Variables are coerced in bounded time, with few and short errors."""

from dataclasses import replace

import pytest
from graphql import parse

from graph.document.store import DocumentStore
from graph.document.variables import MAX_MESSAGE, coerce_variables
from graph.schema.build import build_schema
from tests.graph.limits import LIMITS

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()


@pytest.fixture
def documents():
    return DocumentStore(SCHEMA.costs, LIMITS)


VARIABLES = {
    "query($d: [StandardDistance!]) { viewer { athlete { personalBests(distances: $d) { id } } } }": {
        "d": ["KM55"]
    },
    "query($i: AgeGradeInput!) { ageGrade(input: $i) { percent } }": {"i": {"distanceMeter": 1}},
}


@pytest.mark.parametrize(("text", "raw"), VARIABLES.items())
async def test_variables_suggest_no_names_either(documents, text, raw):
    operation = (await documents.read(text)).operation(None)
    errors = operation.prepare(raw)
    assert isinstance(errors, list)
    assert {error.extensions["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert not any("Did you mean" in error.message for error in errors)
    suggesting = (
        await DocumentStore(SCHEMA.costs, replace(LIMITS, suggests_names=True)).read(text)
    ).operation(None)
    assert any("Did you mean" in error.message for error in suggesting.prepare(raw))


NODES = (
    "query($ids: [ID!]!, $more: [ID!]) { nodes(ids: $ids) { id } more: nodes(ids: $more) { id } }"
)


def nested(levels: int) -> list:
    found: list = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"ids": ["x"] * 2000}, "ids"),
        ({"ids": ["x"] * 1000, "more": ["x"] * 1000}, "more"),
        ({"ids": nested(100_000)}, "ids"),
        ({"ids": [{str(number): [number] for number in range(1500)}]}, "ids"),
    ],
)
async def test_variables_hold_no_more_values_than_a_document_has_tokens(documents, raw, field):
    operation = (
        await documents.read(NODES.replace("$more: [ID!]", "$more: [ID!] = []"))
    ).operation(None)
    if operation is None:  # `nodes` takes no null
        operation = (
            await documents.read(NODES.replace("$more: [ID!]", "$more: [ID!]! = []"))
        ).operation(None)
    [error] = operation.prepare(raw)
    assert error.original_error.extensions == {"code": "BAD_USER_INPUT", "field": field}
    assert f"`{field}` holds more than" in error.message
    assert "2000" in error.message


async def test_variables_that_nothing_declares_are_not_looked_at(documents):
    operation = (await documents.read("query($id: ID!) { node(id: $id) { id } }")).operation(None)
    prepared = operation.prepare({"id": 1, "other": nested(100_000)})
    assert prepared.variables.coerced == {"id": "1"}


async def test_errors_of_variables_are_few_and_short(documents):
    operation = (await documents.read("query($ids: [ID!]!) { nodes(ids: $ids) { id } }")).operation(
        None
    )
    errors = operation.prepare({"ids": [1.5] * 100})
    assert len(errors) == 6
    [error] = operation.prepare({"ids": [{"x" * 100_000: 1}]})
    assert len(error.message) <= MAX_MESSAGE + 1


UPDATE = "mutation($input: UpdateAthleteInput!) { updateAthlete(input: $input) { athlete { id } } }"
NODES_OF_IDS = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
JOBS = "query($filter: JobFilter) { jobs(filter: $filter) { totalCount } }"
FIRST = "query($first: Int) { jobs(first: $first) { totalCount } }"


GRADE = "query($i: AgeGradeInput!) { ageGrade(input: $i) { percent } }"
BOARD = "query($of: StandardDistance!) { leaderboard(distance: $of) { totalCount } }"
JOBS_SINCE = 'subscription($s: DateTime) { athleteJobs(athleteId: "x", since: $s) { id } }'


@pytest.mark.parametrize(
    ("query", "variables", "message", "field", "coordinate"),
    [
        (FIRST, {"first": True}, "Int cannot represent non-integer value: true", "first", None),
        (FIRST, {"first": "5"}, 'Int cannot represent non-integer value: "5"', "first", None),
        (
            NODES_OF_IDS, {"ids": ["a", None]},
            "Expected value of non-null type 'ID!' not to be null.", "ids[1]", None,
        ),
        (
            JOBS, {"filter": {"kind": "STRAVA_SYNC"}},
            "Expected value of type 'JobFilter' not to include unknown field 'kind'.", "filter.kind",
            "JobFilter",
        ),
        (
            JOBS, {"filter": {"kinds": {"a": None}}},
            "Enum 'JobKind' cannot represent non-string value: {\"a\": null}.", "filter.kinds",
            "JobFilter.kinds",
        ),
        (BOARD, {"of": "KM7"}, "Value 'KM7' does not exist in 'StandardDistance' enum.", "of", "StandardDistance"),
        (
            GRADE, {"i": {"distanceMeters": 5, "sex": "MALE", "age": 30}},
            "Expected value of type 'AgeGradeInput' to include required field 'elapsedTimeSeconds'.",
            "i.elapsedTimeSeconds", "AgeGradeInput.elapsedTimeSeconds",
        ),
        (
            UPDATE, {"input": ["x"]},
            "Expected value of type 'UpdateAthleteInput' to be an object, found: [\"x\"].", "input",
            "UpdateAthleteInput",
        ),
        (
            JOBS_SINCE, {"s": "x"},
            (
                '"x" is not a DateTime. Write an instant from 1900 on with its offset and at most six '
                "decimals, such as 2026-05-17T09:30:00Z."
            ),
            "s", "DateTime",
        ),
    ],
)  # fmt: skip
def test_errors_speak_json_and_name_the_member(query, variables, message, field, coordinate):
    [operation] = parse(query).definitions
    [error] = coerce_variables(SCHEMA.core, operation.variable_definitions, variables, LIMITS)
    assert error.message.split(": ", 1)[1] == message
    assert error.extensions["field"] == field
    assert error.extensions.get("coordinate") == coordinate


@pytest.mark.parametrize(
    ("query", "variables", "fields"),
    [
        (UPDATE, {}, ["input"]),
        (UPDATE, {"input": None}, ["input"]),
        (UPDATE, {"input": {"athleteId": 1.5, "shares": 7}}, ["input.athleteId", "input.shares"]),
        (NODES_OF_IDS, {"ids": ["a", None, {}]}, ["ids[1]", "ids[2]"]),
        (JOBS, {"filter": {"kinds": ["STRAVA_SYNC", "absent: kind"]}}, ["filter.kinds[1]"]),
        (FIRST, {"first": "Variable '$other' has invalid value at .x: y"}, ["first"]),
    ],
)
async def test_each_error_names_the_place(query, variables, fields):
    [operation] = parse(query).definitions
    errors = coerce_variables(SCHEMA.core, operation.variable_definitions, variables, LIMITS)
    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"] * len(fields)
    assert [error.extensions["field"] for error in errors] == fields
