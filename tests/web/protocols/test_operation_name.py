"""An empty operation name counts as none, over every transport."""

import asyncio
import json

import httpx
import pytest

from tests.web.subscriber import web_socket

pytestmark = pytest.mark.anyio

ONE = "query Only { __typename }"
TWO = "query A { __typename } query B { __typename }"
SUBSCRIPTION = 'subscription { athleteJobs(athleteId: "x") { id } }'


async def over_http(address, request, accept="application/graphql-response+json", method="POST"):
    async with httpx.AsyncClient(trust_env=False, headers={"accept": accept}) as http:
        url = f"http://{address}/graphql"
        if method == "GET":
            return await http.get(url, params=request)
        return await http.post(url, json=request)


async def by_post(address, request):
    return (await over_http(address, request)).json()


async def by_get(address, request):
    return (await over_http(address, request, method="GET")).json()


async def by_event_stream(address, request):
    text = (await over_http(address, request, "text/event-stream")).text
    return json.loads(text.partition("data: ")[2].partition("\n")[0])


async def by_event_stream_and_get(address, request):
    text = (await over_http(address, request, "text/event-stream", "GET")).text
    return json.loads(text.partition("data: ")[2].partition("\n")[0])


async def by_web_socket(address, request):
    async with asyncio.timeout(15), web_socket(address) as socket:
        await socket.begin()
        await socket.send(type="subscribe", id="1", payload=request)
        payload = (await socket.receive())["payload"]
    return {"errors": payload} if isinstance(payload, list) else payload


@pytest.mark.parametrize(
    "ask", [by_post, by_get, by_event_stream, by_event_stream_and_get, by_web_socket]
)
async def test_an_empty_name_is_none(address, ask):
    answer = await ask(address, {"query": ONE, "operationName": ""})
    assert answer["data"] == {"__typename": "Query"}
    answer = await ask(address, {"query": TWO, "operationName": ""})
    assert answer["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    assert answer == await ask(address, {"query": TWO})


@pytest.mark.parametrize("ask", [by_event_stream, by_web_socket])
async def test_of_subscriptions_too(address, ask):
    answer = await ask(address, {"query": SUBSCRIPTION, "operationName": ""})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_ID"
