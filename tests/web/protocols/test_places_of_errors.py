"""An error of validation names field and coordinate on each way that a document can come."""

import asyncio
import json

import httpx
import pytest

from tests.error_links import unlinked
from tests.web.subscriber import web_socket

pytestmark = pytest.mark.anyio

INVALID = {
    "field": ("{ activities { nickname } }", "nickname", "ActivityConnection"),
    "argument": ("{ activities(limit: 3) { totalCount } }", "limit", "Query.activities"),
    "enum": (
        "{ leaderboard(distance: KM7) { totalCount } }", "distance", "Query.leaderboard(distance:)",
    ),
    "missing": (
        "{ leaderboard { totalCount } }", "distance", "Query.leaderboard(distance:)",
    ),
    "subscription": ("subscription { jobUpdated(id: 1) { nickname } }", "nickname", "Job"),
    "mutation": ("mutation { signIn }", "signIn", "Mutation"),
}  # fmt: skip


async def by_post(address, query, accept="application/graphql-response+json"):
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"http://{address}/graphql", json={"query": query}, headers={"accept": accept}
        )
    assert answer.status_code == 422
    return answer.json()["errors"]


async def by_get(address, query):
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://{address}/graphql", params={"query": query})
    return answer.json()["errors"]


async def in_parts(address, query):
    return await by_post(address, query, "multipart/mixed;incrementalSpec=v0.2, application/json")


async def by_event_stream(address, query):
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"http://{address}/graphql",
            json={"query": query},
            headers={"accept": "text/event-stream"},
        )
    event, data = answer.text.split("\n")[:2]
    assert event == "event: next"
    return json.loads(data.removeprefix("data: "))["errors"]


async def by_web_socket(address, query):
    async with web_socket(address) as socket:
        await socket.begin()
        await socket.subscribe(query)
        message = await socket.receive()
    assert message["type"] == "error"
    return message["payload"]


WAYS = [by_post, by_get, in_parts, by_event_stream, by_web_socket]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("query", "field", "coordinate"), INVALID.values(), ids=INVALID)
async def test_the_part_at_fault_is_named(address, way, query, field, coordinate):
    async with asyncio.timeout(15):
        [error] = await way(address, query)
    assert unlinked(error["extensions"]) == {
        "code": "GRAPHQL_VALIDATION_FAILED", "field": field, "coordinate": coordinate,
    }  # fmt: skip
