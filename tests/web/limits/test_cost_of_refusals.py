"""Requests that are read and do not run have a price, on every transport."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from settings import load_settings
from tests.web.subscriber import web_socket
from web.limits.refusal_pacing import RefusalPacing

pytestmark = pytest.mark.anyio

BUDGET = 100_000
INVALID = "{ nothing }"
DEAR = "{ athletes(first: 1000) { nodes { activities(first: 1000) { nodes { id } } } } }"
IDS = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
UNKNOWN = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
REQUESTS: dict[str, dict[str, Any]] = {
    "an invalid document": {"query": INVALID},
    "no GraphQL": {"query": "{ viewer {"},
    "beyond a limit": {"query": "{" + " a: __typename" * 31 + "}"},
    "beyond the cost": {"query": DEAR},
    "variables that do not fit": {"query": IDS, "variables": {"ids": [[1]]}},
    "no operation of the name": {"query": "{ __typename }", "operationName": "Other"},
    "a hash that nobody knows": UNKNOWN,
    "an id that nobody knows": {"documentId": "absent"},
    "no document": {"variables": {}},
}
MANY_IDS = {"query": IDS, "variables": {"ids": ["x" * 24] * 8000}}
UNUSED = {"query": "{ __typename }", "variables": {"unused": ["x" * 24] * 8000}}

Send = Callable[[dict[str, Any]], Awaitable[str]]


async def balance(http: httpx.AsyncClient) -> tuple[int, int]:
    """What is left before and after this asks, which costs something where it is not at hand."""
    answer = await http.post("/graphql", json={"query": "{ __typename }"})
    found = re.search(r"r=(\d+)", answer.headers["ratelimit"])
    assert found
    cost = answer.json()["extensions"]["cost"]
    return int(found[1]) + cost["actual"] + cost["work"], int(found[1])


async def remaining(http: httpx.AsyncClient) -> int:
    return (await balance(http))[0]


@pytest.fixture
def poor(serving) -> str:
    """A server whose budgets hardly come back."""
    return serving(cost_bucket_ip=BUDGET, cost_refill_ip_per_s=0.001, database_pool_size=2)


def over_http(http: httpx.AsyncClient, accept: str) -> dict[str, Send]:
    async def post(body: dict[str, Any]) -> str:
        return (await http.post("/graphql", json=body, headers={"accept": accept})).text

    async def get(body: dict[str, Any]) -> str:
        given = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in body.items()
        }
        return (await http.get("/graphql", params=given, headers={"accept": accept})).text

    return {"post": post, "get": get}


async def test_requests_that_cannot_be_read_are_paid_for_by_their_size(poor):
    many_values = b'{"query": "{ __typename }", "variables": {"a": [%b0]}}' % (b"0," * 20_000)
    async with httpx.AsyncClient(base_url=f"http://{poor}", trust_env=False) as http:
        for body, least in ((b"{", 1), (b"[]", 1), (many_values, 5)):
            before = await remaining(http)
            headers = {"content-type": "application/json"}
            answer = await http.post("/graphql", content=body, headers=headers)
            assert answer.status_code in {400, 422}, answer.text
            assert await remaining(http) == before - least, body[:9]
        before, most = await remaining(http), load_settings(None).body_max_bytes

        async def too_much() -> AsyncIterator[bytes]:
            yield bytes(most + 1)

        answer = await http.post("/graphql", content=too_much(), headers=headers)
        assert answer.status_code == 413
        assert await remaining(http) == before - 1 - most // 8192
        before = await remaining(http)
        assert (await http.get("/graphql?variables=%7B")).status_code == 400
        assert await remaining(http) == before - 1


async def test_what_does_not_run_costs_what_its_long_way_takes(serving):
    address = serving(cost_bucket_ip=BUDGET, cost_refill_ip_per_s=0.001, cost_per_database_ms=25)
    dry = {"graphql-cost": "validate"}
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        for body, headers in (({"query": INVALID}, {}), ({"query": DEAR}, dry), (UNKNOWN, {})):
            await http.post("/graphql", json=body, headers=headers)
            _, before = await balance(http)
            await http.post("/graphql", json=body, headers=headers)
            assert await remaining(http) == before - 7, body


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_what_is_refused_over_http_is_paid_for(poor, accept):
    async with httpx.AsyncClient(base_url=f"http://{poor}", trust_env=False) as http:
        for name, body in REQUESTS.items():
            for way, send in over_http(http, accept).items():
                await send(body)  # what was new to read is known now
                before = await remaining(http)
                assert '"errors"' in await send(body), (name, way)
                assert await remaining(http) <= before - 1, (name, way)


async def test_what_is_refused_over_a_websocket_is_paid_for(poor):
    async with (
        httpx.AsyncClient(base_url=f"http://{poor}", trust_env=False) as http,
        web_socket(poor) as socket,
    ):
        await socket.begin()
        streamed = {
            "a subscription": {"query": "subscription { nothing }"},
            "its variables": {
                "query": "subscription($id: ID!) { jobUpdated(id: $id) { id } }",
                "variables": {"id": [1]},
            },
        }
        for name, body in {**REQUESTS, **streamed}.items():
            for _ in range(2):
                before = await remaining(http)
                await socket.send(type="subscribe", id="1", payload=body)
                assert (await socket.receive())["type"] == "error", name
            assert await remaining(http) <= before - 1, name
        before = await remaining(http)
        await socket.send(type="subscribe", id="1", payload=MANY_IDS)
        assert (await socket.receive())["type"] == "error"
        assert await remaining(http) <= before - 20


async def test_dry_runs_and_long_variables_cost_what_reading_them_takes(poor):
    async with httpx.AsyncClient(base_url=f"http://{poor}", trust_env=False) as http:
        dry = {"graphql-cost": "validate"}
        for query, status in (("{ viewer { scopes } }", 200), (DEAR, 422)):
            body = {"query": query}
            await http.post("/graphql", json=body, headers=dry)
            before = await remaining(http)
            assert (await http.post("/graphql", json=body, headers=dry)).status_code == status
            assert await remaining(http) == before - 1
        for body in (MANY_IDS, UNUSED):
            await http.post("/graphql", json=body)
            before = await remaining(http)
            await http.post("/graphql", json=body)
            assert before - 60 < await remaining(http) <= before - 20


async def test_the_punctuation_of_a_document_is_not_charged_as_values(poor):
    ids = ", ".join(['"a"'] * 900)
    body = {"query": f"{{ nodes(ids: [{ids}]) {{ id }} }}"}
    async with httpx.AsyncClient(base_url=f"http://{poor}", trust_env=False) as http:
        for _ in range(2):  # then the document is known
            before = await remaining(http)
            answer = await http.post("/graphql", json=body, headers={"graphql-cost": "validate"})
            taken = before - await remaining(http)
    assert (answer.status_code, taken) == (200, 1)


async def test_who_has_nothing_left_is_told_so_instead(serving):
    address = serving(cost_bucket_ip=3, cost_refill_ip_per_s=0.001)
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        for body in ({"query": INVALID}, UNKNOWN):
            answers = [await http.post("/graphql", json=body) for _ in range(5)]
            assert answers[-1].status_code == 429
            assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
            assert int(answers[-1].headers["retry-after"]) >= 1


async def test_a_subscription_that_the_budget_does_not_cover_takes_nothing_of_it(serving):
    address = serving(cost_bucket_ip=40, cost_refill_ip_per_s=0.001)
    parts = "a: progress { done } b: progress { done } c: progress { done } d: progress { done }"
    asked = {"query": f"subscription {{ jobUpdated(id: 1) {{ id {parts} }} }}"}
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http,
        web_socket(address) as socket,
    ):
        await socket.begin()
        for _ in range(2):  # its document is read
            await socket.send(type="subscribe", id="1", payload=asked)
            assert await socket.error_code() != "RATE_LIMITED"
        while (before := await remaining(http)) > 3:
            await http.post("/graphql", json={"query": INVALID})
        await socket.send(type="subscribe", id="1", payload=asked)
        assert await socket.error_code() == "RATE_LIMITED"
        assert await remaining(http) == before


async def test_who_has_nothing_left_and_sends_no_json_is_paced(serving, monkeypatch):
    paced, wait = [], RefusalPacing.wait

    async def noted(pacing: RefusalPacing) -> None:
        paced.append(pacing)
        await wait(pacing)

    monkeypatch.setattr(RefusalPacing, "wait", noted)
    address = serving(cost_bucket_ip=1, cost_refill_ip_per_s=0.001)
    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        for status, content in ((400, b"{"), (429, b"{"), (429, json.dumps(UNKNOWN).encode())):
            answer = await http.post("/graphql", content=content, headers=headers)
            assert answer.status_code == status
    assert len(paced) == 3
