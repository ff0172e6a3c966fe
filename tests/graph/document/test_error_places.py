"""Errors of validation name what of the document and of the schema they are about."""

import pytest

from graph.document.limits import DocumentLimits
from graph.document.validation import DocumentValidator
from graph.document.variables import MAX_MESSAGE
from graph.schema.build import build_core_schema
from tests.graph.limits import WIDE_LIMITS

SCHEMA = build_core_schema()
USER, DOCUMENT = "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"
REFERENCE = 'mutation { syncStrava(input: {athleteId: "x", activity: {}}) { job { id } } }'


def errors_of(text: str, limits: DocumentLimits = WIDE_LIMITS):
    return DocumentValidator(SCHEMA, limits).read(text).errors


@pytest.mark.parametrize(
    ("document", "code", "field", "coordinate"),
    [
        (
            '{ activities(filter: {startedFrom: "soon"}) { totalCount } }',
            USER, "filter.startedFrom", "ActivityFilter.startedFrom",
        ),
        (
            'query($at: DateTime = "x") { activities(filter: {startedFrom: $at}) { totalCount } }',
            USER, "at", "DateTime",
        ),
        (
            '{ viewer { athlete { paceCurve(from: "1899-12-31") { id } } } }',
            USER, "from", "Athlete.paceCurve(from:)",
        ),
        ('{ activities(first: "x") { totalCount } }', DOCUMENT, "first", "Query.activities(first:)"),
        ("{ jobs(filter: {kinds: [EXPORT, A]}) { totalCount } }", DOCUMENT, "filter.kinds[1]", "JobFilter.kinds"),
        ("{ activities(filter: {no: 1}) { totalCount } }", DOCUMENT, "filter.no", "Query.activities(filter:)"),
        ("{ leaderboard { totalCount } }", DOCUMENT, "distance", "Query.leaderboard(distance:)"),
        (REFERENCE, DOCUMENT, "input.activity", "SyncStravaInput.activity"),
        ("{ now @include(if: 3) }", DOCUMENT, "if", "@include(if:)"),
        ("{ __type(name: 3) { name } }", DOCUMENT, "name", None),
        (
            "query($f: ActivityFilter = {sportTypes: [1]}) { activities(filter: $f) { totalCount } }",
            DOCUMENT, "f.sportTypes[0]", "ActivityFilter.sportTypes",
        ),
        ("fragment F on Athlete { personalBests(distances: [A]) { id } } { viewer { athlete { ...F } } }",
         DOCUMENT, "distances[0]", "Athlete.personalBests(distances:)"),
        ("{ absent(a: 3) }", DOCUMENT, "absent", "Query"),
        ("{ viewer { athlete { x: nickname } } }", DOCUMENT, "nickname", "Athlete"),
        ("query Q { job(id: 3) { ...F } } fragment F on Job { nickname }", DOCUMENT, "nickname", "Job"),
        ("{ absent { deeper { deepest } } }", DOCUMENT, "absent", "Query"),
        ("{ __schema { absent } }", DOCUMENT, "absent", "__Schema"),
        ("{ activities(limit: 3) { totalCount } }", DOCUMENT, "limit", "Query.activities"),
        ('{ __type(name: "Job", of: 3) { name } }', DOCUMENT, "of", None),
        ("{ now @include(if: true, unless: 3) }", DOCUMENT, "unless", "@include"),
        ("{ now @include }", DOCUMENT, "if", "@include(if:)"),
        ("{ __type { name } }", DOCUMENT, "name", None),
        ("{ leaderboard(distance: KM7) { totalCount } }", DOCUMENT, "distance", "Query.leaderboard(distance:)"),
        (
            "query($of: StandardDistance = KM7) { leaderboard(distance: $of) { totalCount } }",
            DOCUMENT, "of", "StandardDistance",
        ),
        ("{ activities }", DOCUMENT, "activities", "Query.activities"),
        ("{ now { year } }", DOCUMENT, "now", "Query.now"),
        (
            "query($n: String!) { activities(first: $n) { totalCount } }",
            DOCUMENT, "first", "Query.activities(first:)",
        ),
        ("{ activities(first: $n) { totalCount } }", DOCUMENT, "first", "Query.activities(first:)"),
        ("query($n: Int) { now }", DOCUMENT, "n", None),
        ("{ activities(first: 1, first: 2) { totalCount } }", DOCUMENT, "first", "Query.activities(first:)"),
        ("{ now @absent }", DOCUMENT, None, None),
        ("query @skip(if: true) { now }", DOCUMENT, None, "@skip"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(document, code, field, coordinate):
    [error] = errors_of(document)
    told = {"code": code, "field": field, "coordinate": coordinate}
    assert error.extensions == {name: each for name, each in told.items() if each}


def test_what_is_missing_and_what_is_unknown_are_told_apart():
    missing, unknown = sorted(
        errors_of("mutation { syncStrava { absent } }"), key=lambda each: each.extensions["field"]
    )[::-1]
    assert missing.extensions["coordinate"] == "Mutation.syncStrava(input:)"
    assert (unknown.extensions["field"], unknown.extensions["coordinate"]) == (
        "absent",
        "SyncStravaPayload",
    )


def test_a_long_name_is_cut():
    [error] = errors_of("{ a%s }" % ("b" * 2 * MAX_MESSAGE))
    assert len(error.extensions["field"]) == MAX_MESSAGE + 1


def test_each_error_has_its_own_place():
    found = errors_of("{ ageGrade(input: {distanceMeters: true, age: 3}) { percent } }")
    assert {each.extensions["field"] for each in found} == {
        "input.distanceMeters",
        "input.elapsedTimeSeconds",
        "input.sex",
    }
    assert {each.extensions["coordinate"].split(".")[0] for each in found} == {"AgeGradeInput"}


def test_null_is_written_as_documents_write_it():
    [error] = errors_of("{ activities(filter: {includeDuplicates: null}) { totalCount } }")
    assert error.message == "Expected value of non-null type 'Boolean!' not to be null."
