"""`/graphql/stream`: many operations on one event stream, by graphql-sse's single connection mode."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from redis import Redis

from graph.operation_request import OperationRequest
from jobs.enqueue import publish
from tests import factories as make
from tests.web.subscriber import JOB
from web import create_app
from web.protocols.single_connection import OperationStream, StreamUnknown
from web.protocols.subscriber import Subscriber

pytestmark = pytest.mark.anyio

TOKEN = "x-graphql-event-stream-token"


class Client:
    """One caller's stream."""

    def __init__(self, http: httpx.AsyncClient, address: str, token: str) -> None:
        self.http, self.url = http, f"http://{address}/graphql/stream"
        self.headers = {"authorization": f"Bearer {token}"}

    async def reserve(self) -> httpx.Response:
        answer = await self.http.put(self.url, headers=self.headers)
        if answer.status_code == 201:
            self.headers[TOKEN] = answer.text
        return answer

    async def send(self, query: str, operation_id: object = "1", **variables) -> httpx.Response:
        body = {
            "query": query,
            "variables": variables,
            "extensions": {"operationId": operation_id},
        }
        return await self.http.post(self.url, json=body, headers=self.headers)

    async def stop(self, operation_id: str) -> httpx.Response:
        params = {"operationId": operation_id}
        return await self.http.delete(self.url, params=params, headers=self.headers)

    async def get(self) -> httpx.Response:
        return await self.http.get(self.url, headers=self.headers)

    @asynccontextmanager
    async def open(self, **headers) -> AsyncIterator[AsyncIterator]:
        """Gives an iterator over `(event, id, payload)`."""
        sent = self.headers | {"accept": "text/event-stream"} | headers
        async with self.http.stream("GET", self.url, headers=sent) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            yield _events(response)


async def _events(response):
    event = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            data = json.loads(value)
            yield event, data["id"], data.get("payload")


@pytest.fixture
async def http():
    async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False, timeout=15) as http:
        yield http


@pytest.fixture
async def client(http, address, person) -> Client:
    client = Client(http, address, person.token)
    assert (await client.reserve()).status_code == 201
    return client


def change(db, redis_url, person, job_row: int) -> None:
    db.exec_driver_sql("UPDATE jobs SET version = version + 1 WHERE id = %s", (job_row,))
    with Redis.from_url(redis_url) as redis:
        publish(redis, job_row, person.athlete_id, 2)


async def test_operations_share_a_stream_until_each_ends(client, db, redis_url, person, job):
    row = db.exec_driver_sql("SELECT id FROM jobs").scalar_one()
    async with client.open() as events:
        answer = await client.send(JOB, "watch", id=job)
        assert (answer.status_code, answer.content) == (202, b"")
        event, number, payload = await anext(events)
        assert (event, number) == ("next", "watch")
        assert payload["data"]["jobUpdated"]["version"] == 1
        await client.send("{ viewer { scopes } }", "query")
        assert (await anext(events))[:2] == ("next", "query")
        assert await anext(events) == ("complete", "query", None)
        await client.send("{ nothing }", "query")  # the id is free again
        event, number, payload = await anext(events)
        assert (event, number, "errors" in payload) == ("next", "query", True)
        assert await anext(events) == ("complete", "query", None)
        assert (await client.send(JOB, "watch", id=job)).status_code == 409
        change(db, redis_url, person, row)
        assert (await anext(events))[2]["data"]["jobUpdated"]["version"] == 2
        assert (await client.stop("watch")).status_code == 200
        assert (await client.stop("watch")).status_code == 200  # it is gone already
        change(db, redis_url, person, row)
        await client.send("{ viewer { scopes } }", "last")
        assert (await anext(events))[1] == "last"


async def test_a_stream_is_opened_once_by_its_caller(client, http, address, db):
    stranger = Client(http, address, make.create_person(db).token)
    stranger.headers[TOKEN] = client.headers[TOKEN]
    assert (await client.send("{ viewer { id } }")).status_code == 404  # it is not open yet
    async with client.open():
        assert (await client.get()).status_code == 409
        for answer in (
            await stranger.get(),
            await stranger.send("{ viewer { id } }"),
            await stranger.stop("1"),
        ):
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["extensions"]["code"] == "STREAM_NOT_FOUND"
    await asyncio.sleep(0.3)
    assert (await client.send("{ viewer { id } }")).status_code == 404  # it has ended


@pytest.mark.parametrize("operation_id", [None, "", 7, "x" * 201], ids=repr)
async def test_an_operation_needs_an_id(client, operation_id):
    async with client.open():
        answer = await client.send("{ viewer { id } }", operation_id)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["field"] == "extensions.operationId"


async def test_reservations_count_as_streams(http, serving, person):
    address = serving(connections_per_caller=2)
    clients = [Client(http, address, person.token) for _ in range(3)]
    answers = [await each.reserve() for each in clients]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert answers[2].headers["retry-after"]
    async with clients[0].open():
        pass
    await asyncio.sleep(0.3)
    assert (await clients[2].reserve()).status_code == 201


async def test_operations_are_bounded(http, serving, person, job):
    client = Client(http, serving(subscriptions_per_connection=1), person.token)
    await client.reserve()
    async with client.open() as events:
        await client.send(JOB, "1", id=job)
        await anext(events)
        await client.send(JOB, "2", id=job)
        _, number, payload = await anext(events)
        code = payload["errors"][0]["extensions"]["code"]
        assert (number, code) == ("2", "TOO_MANY_SUBSCRIPTIONS")


async def test_a_revoked_token_ends_the_stream(client, db, job):
    async with client.open() as events:
        await client.send(JOB, "watch", id=job)
        await anext(events)
        await client.send(JOB, "stopped", id=job)
        await anext(events)
        await client.stop("stopped")
        db.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")
        _, number, payload = await anext(events)
        code = payload["errors"][0]["extensions"]["code"]
        assert (number, code) == ("watch", "UNAUTHENTICATED")
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(events)
    assert (await client.reserve()).status_code == 401


async def test_methods_and_requests_that_are_none(http, address, person):
    client = Client(http, address, person.token)
    assert (await client.get()).status_code == 400  # without a token
    many = await http.get(f"{client.url}?{'&'.join('a=b' for _ in range(21))}")
    assert (many.status_code, many.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "BAD_REQUEST",
    )
    answer = await http.patch(client.url, headers=client.headers)
    assert (answer.status_code, answer.headers["allow"]) == (
        405, "PUT, GET, POST, DELETE, OPTIONS",
    )  # fmt: skip
    foreign = {"cookie": "session=x", "origin": "https://elsewhere.example"}
    assert (await http.put(client.url, headers=foreign)).status_code == 403
    asked = await http.options(client.url)
    assert (asked.status_code, asked.headers["allow"]) == (204, answer.headers["allow"])


async def test_a_hash_that_is_not_known_begins_no_operation(client):
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}, "operationId": "1"}
    async with client.open():
        answer = await client.http.post(
            client.url, json={"extensions": hashed}, headers=client.headers
        )
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_stream_that_ends_begins_nothing_and_counts_nothing(settings):
    """While it waits for the operations that were under way."""
    services = create_app(settings).state.services
    scope = {"type": "http", "path": "/graphql/stream", "headers": [], "client": ("127.0.0.1", 1),
             "state": {"request_id": "1", "log_fields": {}}}  # fmt: skip

    async def receive():
        await asyncio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(_):
        pass

    stream = OperationStream(Subscriber(services, scope), scope, receive, send)
    refused = []

    async def under_way():
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(StreamUnknown) as caught:
                stream.begin("late", OperationRequest("{ __typename }", None, None), 1000)
            refused.append(caught)

    await stream.serve_while(under_way())
    assert refused
    assert not services.limits.weights._held
