"""Documents by id, over HTTP from end to end: what clients of Apollo and Relay send, and what they
hear.
"""

import json

import pytest

from tests import factories as make
from tests.graph.api import serve
from tests.web.subscriber import web_socket
from web.documents.trusted_documents import hash_of

pytestmark = pytest.mark.anyio

TEXT, OTHER = "query Scopes { viewer { scopes } }", "query Other { __typename }"
ANSWER = {"viewer": None}
JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"


def apq(text, *, with_text=False):
    named = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}}
    return {"query": text, **named} if with_text else named


async def post(api, body, accept=JSON):
    response = await api.http.post("/graphql", json=body, headers={"accept": accept})
    return response, response.json()


async def get(api, **parameters):
    encoded = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    response = await api.http.get("/graphql", params=encoded, headers={"accept": JSON})
    return response, response.json()


def code(answer):
    [error] = answer["errors"]
    return error["message"], error["extensions"]["code"]


@pytest.fixture
def enforced(settings, tmp_path):
    """Settings, with a manifest of one query and one mutation."""
    path = tmp_path / "manifest.json"
    path.write_text(
        json.dumps({"scopes": TEXT, "sign-in": "mutation { connectStrava { authorizationUrl } }"})
    )
    return settings.model_copy(
        update={"trusted_documents": "enforce", "trusted_documents_manifest": path}
    )


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_a_client_of_apollo_registers_and_asks_by_hash(api, accept):
    response, answer = await post(api, apq(TEXT), accept)
    assert (response.status_code, code(answer)) == (
        422,
        ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"),
    )
    assert "data" not in answer
    for with_text in (True, False):
        response, answer = await post(api, apq(TEXT, with_text=with_text), accept)
        assert (response.status_code, answer["data"]) == (200, ANSWER)
    for parameters in (apq(TEXT), {"documentId": f"sha256:{hash_of(TEXT)}"}):
        response, answer = await get(api, **parameters)
        assert (response.status_code, answer["data"]) == (200, ANSWER)
    metrics = (await api.http.get("/metrics")).text
    for result, count in (("found", 3), ("not_found", 1), ("registered", 1)):
        assert f'pacegraph_persisted_queries_total{{result="{result}"}} {count}.0' in metrics


async def test_by_get_too(api):
    _, answer = await get(api, **apq(TEXT))
    assert code(answer)[0] == "PersistedQueryNotFound"
    _, answer = await get(api, **apq(TEXT, with_text=True))
    assert answer["data"] == ANSWER
    _, answer = await get(api, **apq(TEXT))
    assert answer["data"] == ANSWER


async def test_a_dry_run_pays_nothing_and_registers_nothing(api):
    response = await api.http.post(
        "/graphql", json=apq(TEXT, with_text=True), headers={"graphql-cost": "validate"}
    )
    assert response.json()["data"] is None
    assert code((await post(api, apq(TEXT)))[1])[0] == "PersistedQueryNotFound"


async def test_not_found_is_not_kept_by_caches(api):
    response, _ = await get(api, **apq(TEXT))
    assert (
        "no-store" in response.headers["cache-control"]
        or "private" in response.headers["cache-control"]
    )


@pytest.mark.parametrize(
    "text", ["{", "{ absent }", "query A { __typename } query B { __typename }"]
)
async def test_what_does_not_run_is_not_registered(api, text):
    _, answer = await post(api, apq(text, with_text=True))
    assert code(answer)[1] != "PERSISTED_QUERY_NOT_FOUND"
    _, answer = await post(api, apq(text))
    assert code(answer)[1] == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_not_paid_for_is_not_registered(settings):
    dear = "{ activities(first: 100) { nodes { id } } }"
    async with serve(settings.model_copy(update={"cost_limit": 50})) as api:
        _, answer = await post(api, apq(dear, with_text=True))
        assert code(answer)[1] == "COST_LIMIT_EXCEEDED"
        _, answer = await post(api, apq(dear))
        assert code(answer)[1] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_wrong_hash_is_refused(api):
    response, answer = await post(api, apq(TEXT) | {"query": OTHER})
    assert (response.status_code, code(answer)[1]) == (422, "PERSISTED_QUERY_HASH_MISMATCH")
    _, answer = await post(api, apq(TEXT))
    assert code(answer)[1] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_mutation_by_hash_is_not_run_by_get(enforced):
    async with serve(enforced) as api:
        response, _ = await get(api, documentId="sign-in")
        assert response.status_code == 405
        response, answer = await post(api, {"documentId": "sign-in"})
        assert response.status_code == 200
        assert "data" in answer


async def test_enforce_runs_the_manifest_and_nothing_else(enforced):
    async with serve(enforced) as api:
        for body in (
            {"documentId": "scopes"},
            {"doc_id": "scopes"},
            {"id": "scopes"},
            {"query": TEXT},
            apq(TEXT),
        ):
            response, answer = await post(api, body)
            assert (response.status_code, answer["data"]) == (200, ANSWER)
        response, answer = await get(api, documentId="scopes", variables={})
        assert answer["data"] == ANSWER
        for body in (
            {"query": OTHER},
            apq(OTHER),
            apq(OTHER, with_text=True),
            {"documentId": "absent"},
        ):
            for accept in (JSON, GRAPHQL_JSON):
                response, answer = await post(api, body, accept)
                assert (response.status_code, code(answer)[1]) == (403, "UNTRUSTED_DOCUMENT")
                assert "data" not in answer
        response, answer = await get(api, query="{ __schema { types { name } } }")
        assert (response.status_code, code(answer)[1]) == (403, "UNTRUSTED_DOCUMENT")
        assert (await api.app.state.services.redis.keys("pacegraph:apq:*")) == []
        assert "pacegraph_untrusted_documents_total 9.0" in (await api.http.get("/metrics")).text


async def test_enforce_holds_for_event_streams(enforced):
    async with serve(enforced) as api:
        response = await api.http.post(
            "/graphql", json={"query": 'subscription { jobUpdated(id: "x") { id } }'},
            headers={"accept": "text/event-stream"},
        )  # fmt: skip
        assert response.status_code == 403 or "UNTRUSTED_DOCUMENT" in response.text


async def test_enforce_holds_for_web_sockets(enforced, serving):
    address = serving(
        trusted_documents="enforce", trusted_documents_manifest=enforced.trusted_documents_manifest
    )
    async with web_socket(address) as socket:
        await socket.begin()
        await socket.subscribe(OTHER, "one")
        refused = await socket.receive()
        assert (refused["type"], code({"errors": refused["payload"]})[1]) == (
            "error",
            "UNTRUSTED_DOCUMENT",
        )
        await socket.subscribe(TEXT, "two")
        assert await socket.next() == ANSWER


async def test_administrators_may_explore_where_documents_are_enforced(enforced, db):
    admin, person = make.create_admin(db), make.create_person(db)
    async with serve(enforced) as api:
        assert (await api.answer(OTHER, admin.token))["data"] == {"__typename": "Query"}
        assert (await api.answer("{ __schema { queryType { name } } }", admin.token))["data"]
        for token in (person.token, None):
            assert code(await api.answer(OTHER, token))[1] == "UNTRUSTED_DOCUMENT"
        assert api.app.state.services.persisted.untrusted == 4


async def test_administrators_may_explore_over_a_websocket(serving, enforced, db):
    names = ("trusted_documents", "trusted_documents_manifest")
    address = serving(**{name: getattr(enforced, name) for name in names})
    for caller, kind in (
        (make.create_admin(db), "next"),
        (make.create_person(db), "error"),
    ):
        async with web_socket(address) as socket:
            await socket.begin(Authorization=f"Bearer {caller.token}")
            await socket.subscribe(OTHER)
            assert (await socket.receive())["type"] == kind
