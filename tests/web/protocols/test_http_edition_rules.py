"""Each MUST and SHOULD of GraphQL over HTTP, September 2026, for servers, with what holds it.

The rules are in our own words, in the order of the specification (http-spec.graphql.org/September2026).
They were read from its text as of its last change before the release of 2026-11-13. A name is that
of a case of `test_http_edition.py`, or of a test as `module::function`. What the specification asks
of clients only is left out, and so is its status for teapots.
"""

import ast
from pathlib import Path
from typing import Literal, NamedTuple

from tests.web.protocols.test_http_edition import CASES

WEB = Path(__file__).parents[1]
EDITION = "protocols/test_http_edition"
HTTP = "protocols/test_graphql_over_http"
BODY, BOUNDS = "http/test_body", "http/test_bounded_protocol"


class Rule(NamedTuple):
    """A rule, and the names of what holds it."""

    level: Literal["MUST", "SHOULD"]
    text: str
    held_by: tuple[str, ...]


RULES = [
    # URL
    Rule("MUST", "A schema is served at a URL.", ("data without errors is 200",)),
    Rule(
        "SHOULD",
        "A request that is forbidden is 4xx or 5xx.",
        ("a bad token is 401", "a page of another site that uses the session is 403"),
    ),
    Rule(
        "SHOULD",
        "No request is forbidden for what it asks: that is the schema's affair.",
        ("what a caller may not see is the schema's affair",),
    ),
    # Serialization
    Rule("MUST", "JSON is supported.", ("data without errors is 200",)),
    Rule(
        "MUST",
        "A media type that names no encoding is UTF-8.",
        ("a body that names no charset is UTF-8", "a body that is not UTF-8 is 400"),
    ),
    # Request
    Rule("MUST", "POST is accepted.", ("data without errors is 200",)),
    Rule(
        "MUST",
        "The parameters of a GET are read as URLSearchParams reads them.",
        (
            "an address is read as URLSearchParams reads it",
            "protocols/test_parameters::test_an_address_is_read_as_urlsearchparams_reads_it",
        ),
    ),
    Rule(
        "MUST",
        "A GET has the text of the document.",
        (
            "a query may come by GET",
            "a GET without `query` is 422",
            "a GET with an empty `query` is 400",
        ),
    ),
    Rule(
        "MUST",
        "Its `variables` and `extensions` are JSON, or empty.",
        (
            "`variables` of a GET that are no JSON are 400",
            "`variables` of a GET that are no object are 422",
            "`variables=null` of a GET are none",
        ),
    ),
    Rule(
        "MUST",
        "The empty text of an optional parameter is as none, and `null` names an operation.",
        (
            "texts of a GET that are empty are absent",
            "`operationName=null` names an operation",
        ),
    ),
    Rule(
        "MUST",
        "No mutation is executed by GET: it is 4xx.",
        (
            "a mutation by GET is 405",
            "a mutation by GET that is chosen by its name is 405",
            f"{HTTP}::test_a_mutation_may_not_come_by_get",
        ),
    ),
    Rule("MUST", "A POST has a body with the parameters.", ("a body that is empty is 400",)),
    Rule(
        "MUST",
        "`application/json` in UTF-8 is supported, and UTF-8 assumed.",
        ("a charset of UTF-8 may be named", "a body that names no charset is UTF-8"),
    ),
    Rule(
        "SHOULD", "A POST without `Content-Type` is 4xx.", ("a body without a media type is 415",)
    ),
    Rule(
        "MUST",
        "Members that are not known are ignored.",
        ("members that are not known are ignored",),
    ),
    Rule(
        "MUST",
        "`null` for an optional member is as none.",
        ("optional members that are null are absent",),
    ),
    # Response
    Rule(
        "MUST",
        "A well-formed request has a well-formed response of `data`, `errors` and `extensions` alone, "
        "with its media type.",
        (f"{EDITION}::test_each_rule_holds_whatever_the_client_accepts",),
    ),
    Rule(
        "SHOULD",
        "The response names its encoding.",
        (f"{EDITION}::test_each_rule_holds_whatever_the_client_accepts",),
    ),
    Rule(
        "MUST",
        "RFC 9110 holds, with GET and HEAD, and `Allow` beside 405.",
        (f"{HTTP}::test_head_is_get_without_a_body", "another method is 405"),
    ),
    Rule(
        "MUST",
        "`application/graphql-response+json` is supported.",
        (f"{EDITION}::test_each_rule_holds_whatever_the_client_accepts",),
    ),
    Rule(
        "MUST",
        "The supported media type of the highest priority in `Accept` is sent.",
        (f"{EDITION}::test_the_type_of_the_highest_weight_is_sent",),
    ),
    Rule(
        "MUST",
        "Where none is acceptable, it is 406 and nothing runs, or another type is sent.",
        (f"{EDITION}::test_where_nothing_is_acceptable_it_is_406_and_nothing_runs",),
    ),
    Rule(
        "SHOULD",
        "Of these two, it is 406.",
        (f"{EDITION}::test_where_nothing_is_acceptable_it_is_406_and_nothing_runs",),
    ),
    Rule(
        "SHOULD",
        "A legacy client is answered alike; only what is 2xx is labelled `application/json`.",
        (f"{EDITION}::test_each_rule_holds_whatever_the_client_accepts",),
    ),
    Rule(
        "SHOULD",
        "All rules of validation hold; others may be added.",
        (
            "a document that is not valid is 422",
            "a rule of the server's own is 422",
            "an operation beyond the limit of cost is 422",
        ),
    ),
    # Status codes
    Rule(
        "MUST",
        "An error that prevents a well-formed response is not labelled as one, and (SHOULD) 4xx or 5xx.",
        (
            f"{BOUNDS}::test_too_much_is_431",
            f"{BOUNDS}::test_a_longer_address_than_can_be_split_is_414",
        ),
    ),
    Rule("MUST", "`data` that is not null is 2xx.", ("data with errors is 294",)),
    Rule("SHOULD", "`data` without `errors` is 200.", ("data without errors is 200",)),
    Rule(
        "SHOULD",
        "`data`, even null, with `errors` is 294.",
        ("data with errors is 294", f"{EDITION}::test_data_that_is_null_is_294"),
    ),
    Rule(
        "MUST",
        "A response without `data` is 4xx or 5xx.",
        (
            "a document that does not parse is 400",
            "a document that is not valid is 422",
            f"{HTTP}::test_without_the_database_callers_are_told_to_come_again",
        ),
    ),
    Rule(
        "SHOULD",
        "A mutation by GET is 405.",
        (
            "a mutation by GET is 405",
            "a mutation by GET that is chosen by its name is 405",
        ),
    ),
    Rule("SHOULD", "Another method is 405.", ("another method is 405",)),
    Rule(
        "SHOULD",
        "A media type that is not supported is 415.",
        ("a body of another media type is 415", "a body of another charset is 415"),
    ),
    Rule(
        "SHOULD",
        "A request that does not come in time is 408.",
        (
            f"{BODY}::test_a_body_that_does_not_come_is_408",
            f"{BOUNDS}::test_what_does_not_come_is_not_waited_for",
        ),
    ),
    Rule(
        "SHOULD",
        "An address that is too long is 414.",
        (
            "a GET that is too long is 414",
            f"{BOUNDS}::test_a_longer_address_than_can_be_split_is_414",
        ),
    ),
    Rule("SHOULD", "Headers that are too large are 431.", (f"{BOUNDS}::test_too_much_is_431",)),
    Rule(
        "SHOULD",
        "A body that is too large is 413.",
        ("a body that is too large is 413", f"{BODY}::test_a_length_alone_is_enough_to_refuse"),
    ),
    Rule(
        "SHOULD",
        "A body that is no JSON is 400.",
        ("a body that is no JSON is 400", "a body that ends early is 400"),
    ),
    Rule(
        "SHOULD",
        "JSON that is no well-formed request is 422.",
        (
            "a request without `query` is 422",
            "`query` that is null is 422",
            "`query` that is no text is 422",
            "`variables` that are a list are 422",
            "`variables` that are a text are 422",
            "`extensions` that are no object are 422",
            "`operationName` that is no text is 422",
            "a body that is a list is 422",
            "a body that is a text is 422",
            "a body that is null is 422",
            "a hash that nobody registered is 422",
        ),
    ),
    Rule(
        "SHOULD",
        "A document that does not parse is 400.",
        ("a document that does not parse is 400", "an empty document is 400"),
    ),
    Rule(
        "SHOULD",
        "A document that is not valid is 422, and does not run.",
        ("a document that is not valid is 422", "a document without an operation is 422"),
    ),
    Rule(
        "SHOULD",
        "An operation that cannot be determined is 422, and does not run.",
        (
            "an operation of no such name is 422",
            "an operation that is not named is 422",
            f"{HTTP}::test_an_operation_that_is_not_there_is_not_run",
        ),
    ),
    Rule(
        "SHOULD",
        "Variables that cannot be coerced are 422, and nothing runs.",
        (
            "variables that cannot be coerced are 422",
            "a variable that is missing is 422",
            "a variable that is null and may not be is 422",
        ),
    ),
    Rule(
        "SHOULD",
        "Who may not send it is told 401, 403 or the like.",
        (
            "a bad token is 401",
            "a page of another site that uses the session is 403",
            f"{HTTP}::test_an_operation_beyond_the_budget_is_429",
        ),
    ),
    Rule(
        "SHOULD",
        "What the server cannot do now is 503.",
        (
            f"{HTTP}::test_without_the_database_callers_are_told_to_come_again",
            "limits/test_cost_budget_over_http::test_an_operation_that_works_for_too_long_ends_and_is_charged",
        ),
    ),
]


def functions(module: str) -> set[str]:
    tree = ast.parse((WEB / f"{module}.py").read_text())
    return {
        each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_rule_is_held_by_cases_that_are_there():
    named = {name for rule in RULES for name in rule.held_by}
    assert all(rule.held_by for rule in RULES)
    tests = {name for name in named if "::" in name}
    assert {
        name for name in tests if name.partition("::")[2] not in functions(name.partition("::")[0])
    } == set()
    assert named - tests == set(CASES)
