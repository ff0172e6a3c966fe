"""Who sends a credential in a form that is not read is told so, and what to send."""

import asyncio

import httpx
import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.web.subscriber import web_socket

pytestmark = pytest.mark.anyio

VIEWER = {"query": "{ viewer { scopes } }"}
ACCEPTS = ["application/graphql-response+json", "application/json", "text/event-stream"]
MALFORMED = {
    "pace_secret-of-somebody": "lacks the word `Bearer`",
    "Bearer": "no token after `Bearer`",
    "Bearer  ": "no token after `Bearer`",
    "Basic dXNlcjpwYXNz": "not of the scheme `Bearer`",
    "Token pace_secret-of-somebody": "not of the scheme `Bearer`",
}


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("authorization", MALFORMED)
async def test_what_a_header_lacks_is_told(address, authorization, method, accept):
    if method == "POST" and accept == "text/event-stream":
        accept = "text/event-stream, application/json;q=0.1"
    async with httpx.AsyncClient(trust_env=False) as http:
        request = {"params": VIEWER} if method == "GET" else {"json": VIEWER}
        headers = {"authorization": authorization.rstrip(), "accept": accept}
        response = await http.request(
            method, f"http://{address}/graphql", headers=headers, **request
        )
    error = response.json()["errors"][0]
    assert (response.status_code, error["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert MALFORMED[authorization] in error["message"]
    assert "Authorization: Bearer" in error["message"]
    assert "secret" not in error["message"]
    assert response.headers["www-authenticate"] == "Bearer"


NAMES = ["X-API-Key", "api-key", "apikey", "X-Auth-Token", "Access-Token", "X-Authorization"]
WRITE = 'mutation { cancelJob(input: {id: "x"}) { userErrors { code message } } }'
WATCH = 'subscription { jobUpdated(id: "%s") { id } }'


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_refused_names_the_header_that_is_not_read(address, name):
    async with httpx.AsyncClient(trust_env=False, headers={name: "pace_secret"}) as http:
        answer = (await http.post(f"http://{address}/graphql", json={"query": WRITE})).json()
    [error] = answer["data"]["cancelJob"]["userErrors"]
    assert error["code"] == "UNAUTHENTICATED"
    assert error["message"].startswith(f"`{name.lower()}` is not read. Sign in, or send")
    assert "Authorization: Bearer" in error["message"]
    assert "secret" not in error["message"]


async def test_a_stream_that_is_refused_names_it_too(address, db):
    job = encode_id("Job", make.create_job(db))
    headers = {"x-api-key": "pace_secret", "accept": "text/event-stream"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        answer = await http.post(f"http://{address}/graphql", json={"query": WATCH % job})
    assert "`x-api-key` is not read. Sign in" in answer.text


async def test_headers_of_other_uses_are_no_credentials(address, person):
    headers = {
        "x-csrf-token": "1",
        "x-request-id": "follow-me",
        "tokens": "2",
        "x-api-version": "1",
    }
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        answer = (await http.post(f"http://{address}/graphql", json={"query": WRITE})).json()
        [error] = answer["data"]["cancelJob"]["userErrors"]
        assert error["message"].startswith("Sign in")
        signed_in = {"authorization": f"Bearer {person.token}", "x-api-key": "of a proxy"}
        asked = await http.post(f"http://{address}/graphql", json=VIEWER, headers=signed_in)
    assert asked.json()["data"]["viewer"]


async def ended(address, payload, **headers):
    async with asyncio.timeout(15), web_socket(address, **headers) as socket:
        await socket.send(type="connection_init", payload=payload)
        return await socket.closed()


@pytest.mark.parametrize("authorization", MALFORMED)
async def test_of_a_connection_init_too(address, authorization):
    for payload in (
        {"Authorization": authorization},
        {"headers": {"authorization": authorization}},
    ):
        code, reason = await ended(address, payload)
        assert code == 4403
        assert MALFORMED[authorization] in reason
        assert reason.endswith("Send `Authorization: Bearer pace_…`.")


async def test_of_a_handshake_too(address):
    code, reason = await ended(address, {}, authorization="pace_secret")
    assert code == 4403
    assert "lacks the word `Bearer`" in reason


async def scopes(address, payload):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin(**payload)
        await socket.subscribe(VIEWER["query"])
        return (await socket.next())["viewer"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_headers_in_the_payload_sign_in(address, person, name):
    """As Hasura's clients and many frontends send them."""
    token = f"Bearer {person.token}"
    others = {"clientName": "app", "x-csrf-token": "1", "author": "Ana", "authToken": None}
    assert await scopes(address, {"headers": {name: token, **others}, **others})
    assert await scopes(address, {"headers": None, name: token})
    assert await scopes(address, {"Headers": {}, name: token})


@pytest.mark.parametrize("payload", [{}, {"Authorization": ""}, {"headers": {"Authorization": ""}}])
async def test_signed_out_is_no_mistake(address, payload):
    assert await scopes(address, payload | {"authToken": "", "token": None}) is None


@pytest.mark.parametrize(
    "name", ["authToken", "token", "accessToken", "access_token", "x-api-key", "jwt", "Cookie"]
)
async def test_a_credential_of_another_name_is_refused(address, person, name):
    for payload in ({name: person.token}, {"headers": {name: person.token}}):
        code, reason = await ended(address, payload)
        assert code == 4400
        assert f"{name}` of connection_init is not read" in reason
        assert reason.endswith('Send {"Authorization": "Bearer pace_…"}.')
        assert person.token not in reason


@pytest.mark.parametrize("headers", ["Authorization: Bearer x", ["x"], 7, True])
async def test_headers_that_are_no_object_are_refused(address, headers):
    code, reason = await ended(address, {"headers": headers})
    assert (code, reason) == (4400, "`headers` of connection_init must be an object.")


@pytest.mark.parametrize("payload", [[], "", 0, False], ids=repr)
async def test_a_payload_that_is_no_object_is_refused_though_empty(address, payload):
    assert (await ended(address, payload))[0] == 4400
