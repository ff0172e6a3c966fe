"""Over WebSockets and event streams the same documents are refused, with the same codes, as over
HTTP.
"""

import httpx
import pytest

from tests.web.subscriber import web_socket

pytestmark = pytest.mark.anyio

REFUSED = {
    "{ " + "a" * 70_000 + " }": "DOCUMENT_TOO_LARGE",
    "{" + " __typename" * 2000 + "}": "DOCUMENT_TOO_LARGE",
    "{a" * 500: "DOCUMENT_TOO_DEEP",
    "subscription { " + "a { " * 20 + "b" + " }" * 21: "DOCUMENT_TOO_DEEP",
    "{" + " __typename" * 40 + "}": "TOO_MANY_ROOT_FIELDS",
    "{ viewer {" + " ".join(f"a{n}: __typename" for n in range(32)) + "} }": "TOO_MANY_ALIASES",
    "{ __typename" + " @skip(if: true)" * 51 + "}": "TOO_MANY_DIRECTIVES",
    "{ viewer { athlete { " + "id " * 1900 + "} } }": "DOCUMENT_TOO_COMPLEX",
    "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
    "subscription {": "GRAPHQL_PARSE_FAILED",
}


async def test_each_is_refused_and_the_connection_goes_on(address):
    async with web_socket(address) as socket:
        await socket.begin()
        for number, (query, code) in enumerate([*REFUSED.items(), *REFUSED.items()]):
            await socket.subscribe(query, str(number))
            message = await socket.receive()
            errors = (
                message["payload"] if message["type"] == "error" else message["payload"]["errors"]
            )
            assert code in {error["extensions"]["code"] for error in errors}, query[:60]
            assert len(str(message)) < 5000
        await socket.subscribe("{ __typename }", "sound")
        assert await socket.next() == {"__typename": "Query"}


VARIABLES = [
    ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 2001}),
    ("query($n: Int) { athletes(first: $n) { totalCount } }", {"n": "x" * 1000}),
    (
        "query($d: [StandardDistance!]) { viewer { athlete { personalBests(distances: $d) { id } } } }",
        {"d": ["KM55"]},
    ),
]


@pytest.mark.parametrize(("query", "variables"), VARIABLES)
async def test_variables_are_refused_alike(address, query, variables):
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http,
        web_socket(address) as socket,
    ):
        over_http = (await http.post("/graphql", json=body)).json()["errors"]
        streamed = (
            await http.post("/graphql", json=body, headers={"accept": "text/event-stream"})
        ).text
        await socket.begin()
        await socket.subscribe(query, **variables)
        message = await socket.receive()
    over_socket = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert over_socket == over_http
    assert {error["extensions"]["code"] for error in over_http} == {"BAD_USER_INPUT"}
    assert over_http[0]["message"] in streamed.replace('\\"', '"')
    assert "Did you mean" not in streamed


NESTED = "[" * 300 + "]" * 300


@pytest.mark.parametrize(
    ("head", "code"), [("subscription($id: ID!)", "BAD_USER_INPUT"), ("subscription", None)]
)
async def test_deeply_nested_variables_of_a_subscription_are_no_fault_of_the_server(
    address, head, code
):
    id_ = "$id" if code else '"x"'
    query = f"{head} {{ jobUpdated(id: {id_}) {{ id }} }}"
    message = (
        '{"type": "subscribe", "id": "1", "payload": {"query": "%s", "variables": {"id": %s}}}'
    )
    async with web_socket(address) as socket:
        await socket.begin()
        await socket.connection.send(message % (query.replace('"', '\\"'), NESTED))
        said = await socket.receive()
    assert said["type"] == "error"
    assert said["payload"][0]["extensions"]["code"] == (code or "INVALID_ID")
