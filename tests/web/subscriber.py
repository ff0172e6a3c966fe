"""A client of subscriptions, over graphql-transport-ws and over server-sent events."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from sqlalchemy import Connection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from settings import Settings
from tests.factories import Person, create_session
from web.auth.cookies import Cookies

JOB = "subscription($id: ID!) { jobUpdated(id: $id) { id status version progress { done } } }"
ATHLETE_JOBS = "subscription($id: ID!) { athleteJobs(athleteId: $id) { id status } }"


def cookie_of(settings: Settings, db: Connection, person: Person) -> str:
    """A signed-in browser's `Cookie`."""
    cookies = Cookies(settings)
    session_id = create_session(db, person.account_id)
    header = cookies.session_header(cookies.new_session(session_id, person.account_id, 0))
    return header.partition(";")[0]


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        return json.loads(await self.connection.recv())

    async def begin(self, **payload: Any) -> None:
        await self.send(type="connection_init", payload=payload)
        assert (await self.receive())["type"] == "connection_ack"

    async def subscribe(self, query: str, number: str = "1", **variables: Any) -> None:
        await self.send(
            type="subscribe", id=number, payload={"query": query, "variables": variables}
        )

    async def next(self) -> dict[str, Any]:
        """Data of the next event."""
        message = await self.receive()
        assert message["type"] == "next", message
        return message["payload"]["data"]

    async def error_code(self) -> str:
        """Code of the error that ends an operation."""
        message = await self.receive()
        assert message["type"] == "error", message
        return message["payload"][0]["extensions"]["code"]

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; gives close code and reason."""
        with suppress(ConnectionClosed):
            while True:
                await self.connection.recv()
        return self.connection.close_code, self.connection.close_reason


@asynccontextmanager
async def web_socket(address: str, **headers: str) -> AsyncIterator[Socket]:
    options = {
        "subprotocols": ["graphql-transport-ws"],
        "additional_headers": headers,
        "proxy": None,
    }
    async with connect(f"ws://{address}/graphql", **options) as connection:
        yield Socket(connection)


@asynccontextmanager
async def event_stream(
    address: str,
    token: str,
    query: str,
    last_event_id: str | None = None,
    ids: list[str] | None = None,
    **variables: Any,
) -> AsyncIterator[Any]:
    """Gives an iterator over `(event, data)`. `ids` gets the ids of events."""
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {token}"}
    headers |= {} if last_event_id is None else {"last-event-id": last_event_id}
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as http,
        http.stream("POST", f"http://{address}/graphql", json=body, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _events(response, [] if ids is None else ids)


async def _events(response: httpx.Response, ids: list[str]) -> AsyncIterator[tuple[str, Any]]:
    event = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "id":
            ids.append(value)
        elif name.rstrip(":") == "data":
            yield event, json.loads(value) if value else None
        elif line.startswith("event:"):
            event = line.removeprefix("event:").strip()
