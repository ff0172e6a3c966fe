"""GraphQL over HTTP: methods, media types, status codes, credentials."""

import asyncio
import gzip

import pytest
from pydantic import SecretStr

from tests import factories as make
from tests.error_links import unlinked
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
HELLO = {"query": "{ __typename }"}


async def post(api, body, accept=JSON, **headers):
    return await api.http.post("/graphql", json=body, headers={"accept": accept} | headers)


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON, f"{GRAPHQL_JSON}, {JSON};q=0.9", "*/*"])
async def test_an_answer_has_the_media_type_asked_for(api, accept):
    response = await post(api, HELLO, accept)
    assert (response.status_code, response.json()["data"]) == (200, {"__typename": "Query"})
    assert response.headers["content-type"].split(";")[0] == (
        GRAPHQL_JSON if GRAPHQL_JSON in accept else JSON
    )


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", None]
)
async def test_another_content_type_is_refused(api, media_type):
    """A form of another site can send these without asking first."""
    headers = {"content-type": media_type} if media_type else {}
    response = await api.http.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers=headers
    )
    assert response.status_code == 415


async def test_uploads_are_refused(api):
    files = {
        "operations": (None, '{"query": "{ __typename }"}'),
        "map": (None, "{}"),
        "0": ("a.txt", b"text"),
    }
    assert (await api.http.post("/graphql", files=files)).status_code == 415


async def test_packed_bodies_are_refused(api):
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    response = await api.http.post("/graphql", content=gzip.compress(b" " * 10**6), headers=headers)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["field"] == "Content-Encoding"


@pytest.mark.parametrize(
    ("field", "body"),
    [("query", {"query": 1}), ("variables", HELLO | {"variables": []}), ("extensions", HELLO | {"extensions": 0}),
     ("operationName", HELLO | {"operationName": {}}), ("query", {"notquery": "{ __typename }"}), ("query", {})],
)  # fmt: skip
async def test_a_parameter_at_fault_is_named(api, field, body):
    for accept in (JSON, GRAPHQL_JSON):
        response = await post(api, body, accept)
        assert response.status_code == 422
        assert unlinked(response.json()["errors"][0]["extensions"]) == {
            "code": "BAD_REQUEST",
            "field": field,
        }


async def test_nothing_acceptable_is_406(api):
    response = await post(api, HELLO, "image/png")
    assert response.status_code == 406
    assert unlinked(response.json()["errors"][0]["extensions"]) == {
        "code": "NOT_ACCEPTABLE",
        "field": "Accept",
    }
    assert (await post(api, HELLO, **{"accept-encoding": "*;q=0"})).status_code == 406


async def test_a_query_may_come_by_get(api):
    response = await api.http.get(
        "/graphql",
        params={"query": "query($n: ID!) { node(id: $n) { id } }", "variables": '{"n": "x"}'},
    )
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_ID"


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_a_mutation_may_not_come_by_get(api, db, accept):
    query = (
        'query a { __typename } mutation b { submitFeedback(input: {message: "hi"}) { accepted } }'
    )
    parameters = {"query": query, "operationName": "b"}
    response = await api.http.get("/graphql", params=parameters, headers={"accept": accept})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0
    allowed = await api.http.get("/graphql", params=parameters | {"operationName": "a"})
    assert allowed.json()["data"] == {"__typename": "Query"}


async def test_head_is_get_without_a_body(api):
    response = await api.http.head("/graphql", params=HELLO)
    assert response.status_code == 200


async def test_a_get_without_a_document_is_422(api):
    response = await api.http.get("/graphql", headers={"accept": JSON})
    assert response.status_code == 422
    assert unlinked(response.json()["errors"][0]["extensions"]) == {
        "code": "BAD_REQUEST",
        "field": "query",
    }


async def test_an_address_may_be_as_long_as_a_body(settings):
    async with serve(settings.model_copy(update={"body_max_bytes": 2000})) as api:
        response = await api.http.get("/graphql", params={"query": "{ __typename }" + " " * 2000})
        assert response.status_code == 414
        assert unlinked(response.json()["errors"][0]["extensions"]) == {"code": "ADDRESS_TOO_LONG"}
        assert (await api.http.get("/graphql", params=HELLO)).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
async def test_another_method_is_405(api, method):
    response = await api.http.request(method, "/graphql", json=HELLO)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert unlinked(response.json()["errors"][0]["extensions"]) == {"code": "METHOD_NOT_ALLOWED"}


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CREDENTIALS = {
    "unknown": "Bearer pace_unknown",
    "empty": "Bearer ",
    "basic": "Basic dXNlcjpwYXNz",
    "no-scheme": "pace_unknown",
    "long": "Bearer " + "x" * 5000,
}


@pytest.mark.parametrize("authorization", CREDENTIALS.values(), ids=CREDENTIALS)
async def test_bad_credentials_are_401_even_for_what_is_public(api, authorization):
    response = await post(api, HELLO, authorization=authorization)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert unlinked(response.json()["errors"][0]["extensions"]) == {"code": "UNAUTHENTICATED"}


async def test_a_token_is_bearer_in_any_case(api, db):
    token = make.create_person(db).token
    response = await post(
        api, {"query": "{ viewer { scopes } }"}, authorization=f"bearer  {token} "
    )
    assert response.json()["data"] == {"viewer": {"scopes": ["READ", "SYNC"]}}


@pytest.mark.parametrize("body", [
    {"query": "query a { __typename }", "operationName": "b"},
    {"query": "query a { __typename } query b { __typename }"},
    {"query": "fragment f on Query { __typename }"},
])  # fmt: skip
async def test_an_operation_that_is_not_there_is_not_run(api, body):
    answers = [await post(api, body, accept) for accept in (GRAPHQL_JSON, JSON)]
    assert [each.status_code for each in answers] == [422, 422]
    assert [list(each.json()) for each in answers] == [["errors"], ["errors"]]


async def test_batches_are_refused(api):
    response = await post(api, [HELLO, HELLO])
    assert response.status_code == 422
    assert unlinked(response.json()["errors"][0]["extensions"]) == {"code": "BATCHING_DISABLED"}


async def test_graphql_has_no_page_of_its_own(api, settings):
    response = await api.http.get("/graphql", headers={"accept": BROWSER})
    assert (response.status_code, response.headers["location"]) == (303, "/graphiql")
    async with serve(settings.model_copy(update={"graphiql": "off"})) as other:
        assert (await other.http.get("/graphql", headers={"accept": BROWSER})).status_code == 422


async def test_a_browser_may_follow_a_link_to_a_query(api):
    response = await api.http.get("/graphql", params=HELLO, headers={"accept": BROWSER})
    assert response.json()["data"] == {"__typename": "Query"}


async def test_a_dry_run_tells_the_cost_and_runs_nothing(api, db):
    body = {"query": 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'}
    response = await post(api, body, **{"graphql-cost": "validate"})
    assert response.json()["data"] is None
    assert response.json()["extensions"]["cost"]["requested"] >= 10
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


async def test_the_budget_is_told(api):
    headers = (await post(api, HELLO)).headers
    assert headers["ratelimit"].startswith('"cost";r=')
    assert headers["ratelimit-policy"].startswith('"cost";q=1000000000;')


async def test_too_many_requests_are_429(settings):
    changes = {"request_bucket_ip": 2, "request_refill_ip_per_s": 0.1}
    async with serve(settings.model_copy(update=changes)) as api:
        statuses = [(await post(api, HELLO)).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
        refused = await post(api, HELLO)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await api.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_an_operation_beyond_the_budget_is_429(settings, accept):
    body = {"query": 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'}
    async with serve(
        settings.model_copy(update={"cost_bucket_ip": 15, "cost_refill_ip_per_s": 0.01})
    ) as api:
        assert (await post(api, body, accept)).status_code == 200
        refused = await post(api, body, accept)
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert int(refused.headers["retry-after"]) > 100
    assert ";r=" in refused.headers["ratelimit"]


async def test_more_operations_at_once_than_may_wait_are_429(settings):
    changes = {"concurrent_operations": 1, "waiting_operations": 1, "planned_execution": "off"}
    async with serve(settings.model_copy(update=changes)) as api:
        query = {"query": "{ activities { nodes { id } } }"}
        answers = await asyncio.gather(*(post(api, query) for _ in range(6)))
        assert {each.status_code for each in answers} == {200, 429}
        assert (await post(api, query)).status_code == 200


async def test_without_the_database_callers_are_told_to_come_again(settings):
    gone = settings.model_copy(
        update={"database_url": SecretStr("postgresql://postgres@/absent?host=/nowhere")}
    )
    async with serve(gone) as api:
        response = await post(api, HELLO, authorization="Bearer pace_any")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert (
            response.json()["errors"][0]["extensions"]["requestId"]
            == response.headers["x-request-id"]
        )


async def test_who_signs_in_gets_a_cookie(api):
    response = await post(api, {"query": "mutation { connectStrava { authorizationUrl } }"})
    assert response.json()["data"]["connectStrava"]["authorizationUrl"]
    assert "HttpOnly" in response.headers["set-cookie"]
    assert response.headers["cache-control"] == "no-store"
