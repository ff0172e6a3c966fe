"""GraphQL over HTTP: methods, media types, status codes, credentials."""

import pytest

from tests import factories as make

pytestmark = pytest.mark.anyio

JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
HELLO = {"query": "{ __typename }"}
NOT_EXECUTED = {
    "parse": {"query": "{"},
    "validation": {"query": "{ absent }"},
    "variables": {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": {}}},
    "variable-missing": {"query": "query($id: ID!) { node(id: $id) { id } }"},
}


async def post(api, body, accept=JSON, **headers):
    return await api.http.post("/graphql", json=body, headers={"accept": accept} | headers)


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON, f"{GRAPHQL_JSON}, {JSON};q=0.9", "*/*"])
async def test_an_answer_has_the_media_type_asked_for(api, accept):
    response = await post(api, HELLO, accept)
    assert (response.status_code, response.json()["data"]) == (200, {"__typename": "Query"})
    assert response.headers["content-type"].split(";")[0] == (GRAPHQL_JSON if GRAPHQL_JSON in accept else JSON)


@pytest.mark.parametrize("body", NOT_EXECUTED.values(), ids=NOT_EXECUTED)
async def test_what_is_not_executed_is_400_to_who_knows_the_new_type(api, body):
    response = await post(api, body, GRAPHQL_JSON)
    assert response.status_code == 400
    assert "data" not in response.json()
    assert response.headers["content-type"].startswith(GRAPHQL_JSON)


@pytest.mark.parametrize("body", NOT_EXECUTED.values(), ids=NOT_EXECUTED)
async def test_what_is_not_executed_is_an_answer_to_who_knows_json_only(api, body):
    response = await post(api, body, JSON)
    assert "data" not in response.json()
    assert response.json()["errors"]


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_an_error_of_a_field_is_an_answer(api, accept):
    response = await post(api, {"query": '{ node(id: "x") { id } }'}, accept)
    assert (response.status_code, response.json()["data"]) == (200, {"node": None})


MALFORMED = {"empty": b"", "half": b'{"query": "{', "text": b"hello", "not-utf-8": b'{"query": "\xff"}', "nan": b"NaN"}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_body_is_400(api, body):
    response = await api.http.post("/graphql", content=body, headers={"content-type": JSON})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
async def test_another_content_type_is_refused(api, media_type):
    """A form of another site can send these without asking first."""
    response = await api.http.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"content-type": media_type}
    )
    assert response.status_code in {400, 415}


async def test_a_query_may_come_by_get(api):
    response = await api.http.get(
        "/graphql", params={"query": "query($n: ID!) { node(id: $n) { id } }", "variables": '{"n": "x"}'}
    )
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID_ID"


async def test_a_mutation_may_not_come_by_get(api, db):
    query = 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'
    response = await api.http.get("/graphql", params={"query": query})
    assert response.status_code in {400, 405}
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405(api, method):
    assert (await api.http.request(method, "/graphql", json=HELLO)).status_code == 405


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CREDENTIALS = {
    "unknown": "Bearer pace_unknown",
    "empty": "Bearer ",
    "blank": "",
    "basic": "Basic dXNlcjpwYXNz",
    "no-scheme": "pace_unknown",
    "long": "Bearer " + "x" * 5000,
}


@pytest.mark.parametrize("authorization", CREDENTIALS.values(), ids=CREDENTIALS)
async def test_bad_credentials_are_401_even_for_what_is_public(api, authorization):
    response = await post(api, HELLO, authorization=authorization)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_token_is_bearer_in_any_case(api, db):
    token = make.create_person(db).token
    response = await post(api, {"query": "{ viewer { scopes } }"}, authorization=f"bearer  {token} ")
    assert response.json()["data"] == {"viewer": {"scopes": ["READ", "SYNC"]}}


async def test_an_unknown_operation_is_400(api):
    response = await post(api, {"query": "query a { __typename }", "operationName": "b"}, GRAPHQL_JSON)
    assert response.status_code == 400


async def test_batches_are_refused(api):
    assert (await post(api, [HELLO, HELLO])).status_code == 400


async def test_graphql_has_no_page_of_its_own(api):
    response = await api.http.get("/graphql", headers={"accept": BROWSER})
    assert (response.status_code, response.headers["location"]) == (303, "/graphiql")
