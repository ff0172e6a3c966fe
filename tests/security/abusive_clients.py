"""Abusive clients: each does one kind of harm, as often as it may, and never looks at an answer.

`python -m tests.security.abusive_clients` reads what it is to do from standard input, waits for the
first line's `go`, and writes what it was told.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.security.abusive_requests import TEMPLATES, Template, registration, unlike_any_before
from tests.security.http_connection import Answer, Connection, request

Told = Counter[str]
_SUBSCRIPTIONS = 60


async def _send(make: Template, connection: Connection, headers: dict[str, str]) -> str:
    if (template := connection.notes.get(make)) is None:
        template = connection.notes[make] = make(headers)
    return _told(await connection.send(unlike_any_before(template)))


async def _register(connection: Connection, headers: dict[str, str]) -> str:
    return _told(await connection.send(registration(headers)))


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.code}".strip()


async def _send_slowly(connection: Connection, headers: dict[str, str]) -> str:
    """A body that trickles."""
    reader, writer = await connection.open()
    writer.write(request("POST", "/graphql", {**headers, "content-length": "5000"}, b"{"))
    with suppress(ConnectionError):
        for _ in range(20):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.5)
    head = await reader.read(100)
    connection.close()
    return f"{head[9:12].decode()} of a slow body"


async def _flood_with_subscriptions(connection: Connection, headers: dict[str, str]) -> str:
    given = {name: value for name, value in headers.items() if name != "host"}
    url = f"ws://{connection.address}/graphql"
    async with connect(
        url, subprotocols=["graphql-transport-ws"], additional_headers=given, proxy=None
    ) as socket:
        await socket.send('{"type":"connection_init"}')
        for number in range(_SUBSCRIPTIONS):
            payload = {"query": 'subscription { athleteJobs(athleteId: "QXRobGV0ZTox") { id } }'}
            await socket.send(
                json.dumps({"type": "subscribe", "id": str(number), "payload": payload})
            )
        await asyncio.sleep(0.5)
    return "subscriptions"


async def _connect_and_leave(connection: Connection, headers: dict[str, str]) -> str:
    url = f"ws://{connection.address}/graphql"
    async with connect(
        url, subprotocols=["graphql-transport-ws"], additional_headers=headers, proxy=None
    ):
        return "WebSocket"


_BEHAVIORS: list[Callable[[Connection, dict[str, str]], Awaitable[str]]] = [
    *(partial(_send, make) for make in TEMPLATES),
    _register, _send_slowly, _flood_with_subscriptions, _connect_and_leave,
]  # fmt: skip


async def _client(task: dict[str, Any], number: int, headers: dict[str, str], told: Told) -> None:
    """Do one kind of harm, `pause_s` after the answer to the one before."""
    connection = Connection(task["address"])
    kind = task.get("kind")
    behavior = _BEHAVIORS[(number if kind is None else kind) % len(_BEHAVIORS)]
    ends = perf_counter() + task["seconds"]
    await asyncio.sleep(random.random() * task["pause_s"])
    while perf_counter() < ends:
        try:
            told[await behavior(connection, headers)] += 1
        except (OSError, EOFError, WebSocketException) as error:
            told[type(error).__name__] += 1
            connection.close()
            await asyncio.sleep(0.1)
        if task["pause_s"]:
            await asyncio.sleep(random.expovariate(1 / task["pause_s"]))
    connection.close()


async def _run(task: dict[str, Any]) -> Told:
    told: Told = Counter()
    clients = [
        _client(task, number, headers, told) for number, headers in enumerate(task["clients"])
    ]
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*clients), task["seconds"] + 1)
    return told


if __name__ == "__main__":
    os.nice(10)  # elsewhere they would have machines of their own
    todo = json.loads(sys.stdin.readline())
    sys.stdin.readline()  # `go`
    sys.stdout.write(json.dumps(asyncio.run(_run(todo))))
