"""GraphQL over HTTP, the edition of September 2026: cases of its rules about responses.

Sent to a real server, with each `Accept` that clients send. `test_http_edition_rules.py` lists each
MUST and SHOULD of the edition, and which cases hold it.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
ACCEPTS: dict[str, str | None] = {
    "the edition's": f"{GRAPHQL_JSON}, {JSON};q=0.9",
    "the edition's, alone": GRAPHQL_JSON,
    "Apollo Client 4": f"{GRAPHQL_JSON},{JSON};q=0.9",
    "urql 5": f"{GRAPHQL_JSON}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed",
    "graphql-request 7": f"{GRAPHQL_JSON}; charset=utf-8, {JSON}; charset=utf-8",
    "Apollo Kotlin 4": f"multipart/mixed;deferSpec=20220824, {GRAPHQL_JSON}, {JSON}",
    "a legacy client": JSON,
    "fetch": "*/*",
    "none": None,
}
MUTATION = 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'
TWO = "query a { __typename } query b { __typename }"
NODE = "query q($id: ID!) { node(id: $id) { id } }"
GET_NAMED_NULL = {"query": "query null { __typename } query b { id: __typename }"}


@dataclass(frozen=True)
class Case:
    """A request and what the edition asks of its response.

    `data` is None where the response has none. `code` is that of the first error. `address` is the
    encoded query of the URL, where `params` would be encoded otherwise.
    """

    status: int
    code: str | None = None
    json: Any = None
    content: bytes | None = None
    params: dict[str, str] | None = None
    address: str = ""
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    data: Any = None
    allow: str | None = None


TYPENAME = {"__typename": "Query"}
CASES = {
    "data without errors is 200": Case(200, json={"query": "{ __typename }"}, data=TYPENAME),
    "data with errors is 294": Case(
        294,
        "INVALID_ID",
        json={"query": '{ __typename node(id: "x") { id } }'},
        data={**TYPENAME, "node": None},
    ),
    "a body that is no JSON is 400": Case(400, "BAD_REQUEST", content=b"NONSENSE"),
    "a body that ends early is 400": Case(400, "BAD_REQUEST", content=b'{"query":'),
    "a body that is empty is 400": Case(400, "BAD_REQUEST", content=b""),
    "a body that is not UTF-8 is 400": Case(400, "BAD_REQUEST", content=b'{"query": "\xff"}'),
    "a document that does not parse is 400": Case(400, "GRAPHQL_PARSE_FAILED", json={"query": "{"}),
    "an empty document is 400": Case(400, "GRAPHQL_PARSE_FAILED", json={"query": ""}),
    "a request without `query` is 422": Case(422, "BAD_REQUEST", json={"qeury": "{ __typename }"}),
    "`query` that is null is 422": Case(422, "BAD_REQUEST", json={"query": None}),
    "`query` that is no text is 422": Case(422, "BAD_REQUEST", json={"query": {"a": 1}}),
    "`variables` that are a list are 422": Case(
        422, "BAD_REQUEST", json={"query": NODE, "variables": [7]}
    ),
    "`variables` that are a text are 422": Case(
        422, "BAD_REQUEST", json={"query": NODE, "variables": "{}"}
    ),
    "`extensions` that are no object are 422": Case(
        422, "BAD_REQUEST", json={"query": "{ __typename }", "extensions": 1}
    ),
    "`operationName` that is no text is 422": Case(
        422, "BAD_REQUEST", json={"query": "{ __typename }", "operationName": 1}
    ),
    "a body that is a list is 422": Case(
        422, "BATCHING_DISABLED", json=[{"query": "{ __typename }"}]
    ),
    "a body that is a text is 422": Case(422, "BAD_REQUEST", json="{ __typename }"),
    "a body that is null is 422": Case(422, "BAD_REQUEST", content=b"null"),
    "a document that is not valid is 422": Case(
        422, "GRAPHQL_VALIDATION_FAILED", json={"query": "{ absent }"}
    ),
    "a rule of the server's own is 422": Case(
        422,
        "TOO_MANY_ALIASES",
        json={"query": "{" + "".join(f" a{n}: __typename" for n in range(32)) + "}"},
    ),
    "an operation beyond the limit of cost is 422": Case(
        422,
        "COST_LIMIT_EXCEEDED",
        json={
            "query": "{ athletes(first: 100) { nodes { activities(first: 100) { nodes { id } } } } }"
        },
    ),
    "an operation of no such name is 422": Case(
        422, "OPERATION_RESOLUTION_FAILURE", json={"query": TWO, "operationName": "c"}
    ),
    "an operation that is not named is 422": Case(
        422, "OPERATION_RESOLUTION_FAILURE", json={"query": TWO}
    ),
    "a document without an operation is 422": Case(
        422, "GRAPHQL_VALIDATION_FAILED", json={"query": "fragment f on Query { __typename }"}
    ),
    "variables that cannot be coerced are 422": Case(
        422, "BAD_USER_INPUT", json={"query": NODE, "variables": {"id": {}}}
    ),
    "a variable that is missing is 422": Case(422, "BAD_USER_INPUT", json={"query": NODE}),
    "a variable that is null and may not be is 422": Case(
        422, "BAD_USER_INPUT", json={"query": NODE, "variables": {"id": None}}
    ),
    "a hash that nobody registered is 422": Case(
        422,
        "PERSISTED_QUERY_NOT_FOUND",
        json={"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    ),
    "members that are not known are ignored": Case(
        200,
        json={"query": "{ __typename }", "id": 7, "doc_id": [], "more": {"a": 1}},
        data=TYPENAME,
    ),
    "optional members that are null are absent": Case(
        200,
        json={
            "query": "{ __typename }",
            "variables": None,
            "operationName": None,
            "extensions": None,
        },
        data=TYPENAME,
    ),
    "a body that names no charset is UTF-8": Case(
        200,
        content='{"query": "{ __typename } # \N{LATIN SMALL LETTER E WITH ACUTE}"}'.encode(),
        data=TYPENAME,
    ),
    "a charset of UTF-8 may be named": Case(
        200,
        content=b'{"query": "{ __typename }"}',
        headers={"content-type": f"{JSON}; charset=UTF-8"},
        data=TYPENAME,
    ),
    "a body of another media type is 415": Case(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        content=b"{ __typename }",
        headers={"content-type": "application/graphql"},
    ),
    "a body of another charset is 415": Case(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        content=b'{"query": "{ __typename }"}',
        headers={"content-type": f"{JSON}; charset=utf-16"},
    ),
    "a body without a media type is 415": Case(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        content=b'{"query": "{ __typename }"}',
        headers={"content-type": ""},
    ),
    "a body that is too large is 413": Case(413, "BODY_TOO_LARGE", content=b" " * 300_000),
    "a bad token is 401": Case(
        401,
        "UNAUTHENTICATED",
        json={"query": "{ __typename }"},
        headers={"authorization": "Bearer x"},
    ),
    "a page of another site that uses the session is 403": Case(
        403,
        "CROSS_SITE",
        json={"query": "{ __typename }"},
        headers={"cookie": "a=b", "origin": "https://other.example"},
    ),
    "what a caller may not see is the schema's affair": Case(
        200, json={"query": "{ __typename viewer { id } }"}, data={**TYPENAME, "viewer": None}
    ),
    "a mutation by GET is 405": Case(
        405, "BAD_USER_INPUT", params={"query": MUTATION}, method="GET", allow="POST"
    ),
    "a mutation by GET that is chosen by its name is 405": Case(
        405,
        "BAD_USER_INPUT",
        params={
            "query": f"query a {{ __typename }} {MUTATION.replace('{', 'b {', 1)}",
            "operationName": "b",
        },
        method="GET",
        allow="POST",
    ),
    "another method is 405": Case(
        405,
        "METHOD_NOT_ALLOWED",
        json={"query": "{ __typename }"},
        method="PUT",
        allow="GET, HEAD, POST, OPTIONS",
    ),
    "a query may come by GET": Case(
        200, params={"query": "{ __typename }"}, method="GET", data=TYPENAME
    ),
    "an address is read as URLSearchParams reads it": Case(
        200,
        address="a&&query=%7B+__typename%20%7D%23%C3%A9%zz&query=%7B&variables=%7B%22a%22:1%7D",
        method="GET",
        data=TYPENAME,
    ),
    "texts of a GET that are empty are absent": Case(
        200,
        params={"query": "{ __typename }", "variables": "", "operationName": "", "extensions": ""},
        method="GET",
        data=TYPENAME,
    ),
    "`operationName=null` names an operation": Case(
        200, params=GET_NAMED_NULL | {"operationName": "null"}, method="GET", data=TYPENAME
    ),
    "`variables=null` of a GET are none": Case(
        200, params={"query": "{ __typename }", "variables": "null"}, method="GET", data=TYPENAME
    ),
    "a GET without `query` is 422": Case(
        422, "BAD_REQUEST", params={"variables": "{}"}, method="GET"
    ),
    "a GET with an empty `query` is 400": Case(
        400, "GRAPHQL_PARSE_FAILED", params={"query": ""}, method="GET"
    ),
    "`variables` of a GET that are no JSON are 400": Case(
        400, "BAD_REQUEST", params={"query": NODE, "variables": "{"}, method="GET"
    ),
    "`variables` of a GET that are no object are 422": Case(
        422, "BAD_REQUEST", params={"query": NODE, "variables": "[1]"}, method="GET"
    ),
    "a GET that is too long is 414": Case(
        414, "ADDRESS_TOO_LONG", params={"query": "{ __typename }" + " " * 2000}, method="GET"
    ),
}


@pytest.fixture
def address(serving) -> str:
    return serving(body_max_bytes=1500, graphiql="off", cost_limit=5000)


def media_type(case: Case, accept: str | None) -> str:
    """Plain JSON is for answers with data, and for who does not name GraphQL's own type."""
    return GRAPHQL_JSON if case.data is None or GRAPHQL_JSON in (accept or "") else JSON


async def check(http: httpx.AsyncClient, case: Case, accept: str | None) -> None:
    headers = {"content-type": JSON} if case.method != "GET" else {}
    request = http.build_request(
        case.method,
        f"/graphql?{case.address}" if case.address else "/graphql",
        json=case.json,
        content=case.content,
        params=case.params,
        headers=headers | case.headers,
    )
    del request.headers["accept"]
    if accept is not None:
        request.headers["accept"] = accept
    response = await http.send(request)
    expected = media_type(case, accept)
    partial = case.status == 294 and expected == JSON
    assert response.status_code == (200 if partial else case.status)
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert response.headers.get("allow") == case.allow
    body = response.json()
    assert body.keys() <= {"data", "errors", "extensions"}
    assert all(isinstance(error["message"], str) for error in body.get("errors", ()))
    assert ("data" in body) == (case.data is not None)
    assert body.get("data") == (None if case.data == "null" else case.data)
    code = body["errors"][0]["extensions"]["code"] if "errors" in body else None
    assert code == case.code


async def test_each_rule_holds_whatever_the_client_accepts(address):
    failures = []
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        for name, case in CASES.items():
            for client, accept in ACCEPTS.items():
                try:
                    await check(http, case, accept)
                except AssertionError as error:
                    failures.append(f"{name}, {client}: {error}")
    assert not failures, "\n".join(failures)


async def test_data_that_is_null_is_294(address, db):
    """Only what fails on the server blanks an answer: root fields that refuse are null themselves."""
    db.exec_driver_sql("ALTER TABLE feedback RENAME TO lost")
    case = Case(294, "INTERNAL", json={"query": MUTATION}, data="null")
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        for accept in ACCEPTS.values():
            await check(http, case, accept)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f"{JSON}, {GRAPHQL_JSON}", GRAPHQL_JSON),
        (f"{JSON};q=1, {GRAPHQL_JSON};q=0.5", JSON),
        (f"{JSON};q=0.4, {GRAPHQL_JSON};q=0.5", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0, */*", JSON),
        ("application/*", JSON),
    ],
)
async def test_the_type_of_the_highest_weight_is_sent(address, accept, expected):
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        response = await http.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"accept": accept}
        )
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["image/png", "text/html;q=0.9", f"{GRAPHQL_JSON}; charset=utf-16"]
)
async def test_where_nothing_is_acceptable_it_is_406_and_nothing_runs(address, db, accept):
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        response = await http.post("/graphql", json={"query": MUTATION}, headers={"accept": accept})
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0
