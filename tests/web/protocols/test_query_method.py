"""The method QUERY (RFC 10008): a body as POST has, safe and cacheable as GET is."""

import httpx
import pytest

pytestmark = pytest.mark.anyio

MUTATION = {"query": 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'}
HELLO = {"query": "{ __typename }"}
SCHEMA = {"query": "{ __schema { queryType { name } } }"}
FOREIGN = {"origin": "https://app.example", "access-control-request-method": "QUERY"}


@pytest.fixture
async def http(serving):
    address = serving(http_query="on", cors_origins=("https://app.example",))
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        yield client


async def test_a_query_is_answered_as_by_post(http):
    answer = await http.request("QUERY", "/graphql", json=HELLO)
    posted = await http.post("/graphql", json=HELLO)
    assert (answer.status_code, answer.json()["data"]) == (200, posted.json()["data"])


async def test_variables_and_names_come_in_the_body(http):
    body = {
        "query": "query a($id: ID!) { node(id: $id) { id } } query b { __typename }",
        "variables": {"id": "x"},
        "operationName": "a",
    }
    answer = await http.request("QUERY", "/graphql", json=body)
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_ID"


async def test_it_may_be_kept_as_by_get(http):
    by_query = await http.request("QUERY", "/graphql", json=SCHEMA)
    by_get = await http.get("/graphql", params=SCHEMA)
    assert by_query.headers["cache-control"] == by_get.headers["cache-control"]
    assert by_query.headers["cache-control"].startswith("public, max-age=")
    posted = await http.post("/graphql", json=SCHEMA)
    assert posted.headers["cache-control"] == "no-store"


async def test_a_mutation_may_not_come_by_query(http, db):
    answer = await http.request("QUERY", "/graphql", json=MUTATION)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_its_media_type_must_be_named(http, media_type):
    headers = {"content-type": media_type} if media_type else {}
    answer = await http.request("QUERY", "/graphql", content=b'{"query": "{ a }"}', headers=headers)
    assert answer.status_code == 415


async def test_parameters_in_the_address_are_none(http):
    answer = await http.request("QUERY", "/graphql", params=HELLO, json={})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["field"]) == (422, "query")


async def test_it_is_announced(http):
    asked = await http.options("/graphql")
    assert asked.headers["allow"] == "GET, HEAD, POST, OPTIONS, QUERY"
    assert asked.headers["accept-query"] == "application/json"
    preflight = await http.options("/graphql", headers=FOREIGN)
    assert preflight.headers["access-control-allow-methods"] == "GET, POST, QUERY"


async def test_it_is_off_unless_set(serving):
    async with httpx.AsyncClient(base_url=f"http://{serving()}", trust_env=False) as client:
        answer = await client.request("QUERY", "/graphql", json=HELLO)
        asked = await client.options("/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert "accept-query" not in asked.headers
