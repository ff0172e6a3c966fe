"""Attacks over WebSockets and event streams."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.security.attacks.world import Attacks, World

streams = Attacks()

OWASP, STRAWBERRY = "OWASP", "Strawberry"
_PROTOCOL, _LIMITS = (
    "tests/web/protocols/test_streams_protocol.py",
    "tests/web/protocols/test_streams_limits.py",
)
_WATCH = "subscription($id: ID!) { athleteJobs(athleteId: $id) { id } }"


def _connect(world: World, *, protocol: str = "graphql-transport-ws", **headers: str) -> Any:
    url = f"ws://{world.servers['default']}/graphql"
    return connect(url, subprotocols=[protocol], additional_headers=headers, proxy=None)


async def _told(socket: ClientConnection, *kinds: str) -> str:
    """Wait for the first message of a kind, or the end: its kind and code, or the close code."""
    try:
        while True:
            message = json.loads(await asyncio.wait_for(socket.recv(), 12))
            if message["type"] in kinds:
                payload = message.get("payload")
                errors = payload if isinstance(payload, list) else (payload or {}).get("errors", [])
                return " ".join(
                    [message["type"], *(each["extensions"]["code"] for each in errors[:1])]
                )
    except ConnectionClosed as closed:
        return f"closed {closed.rcvd.code if closed.rcvd else 1006}"


async def _send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


@streams.add(
    "Cross-site WebSocket hijacking",
    OWASP,
    "a handshake of another site's page, with the victim's cookie",
    "403",
    _PROTOCOL,
)
async def _(world: World) -> str:
    try:
        async with _connect(world, cookie=world.cookie, origin="https://evil.example"):
            return "open"
    except InvalidStatus as refused:
        return str(refused.response.status_code)


@streams.add("Skipping `connection_init`, legacy", f"{STRAWBERRY} CVE-2026-35523", "`start` at once",
             "closed 4406", _PROTOCOL)  # fmt: skip
async def _(world: World) -> str:
    async with _connect(world, protocol="graphql-ws") as socket:
        try:
            await _send(socket, type="start", id="1", payload={"query": "{ __typename }"})
        except ConnectionClosed as closed:
            return f"closed {closed.rcvd.code}"
        return await _told(socket, "data", "connection_ack")


@streams.add("Skipping `connection_init`", f"{STRAWBERRY} CVE-2026-35523", "`subscribe` at once", "closed 4401",
             "tests/web/protocols/test_subscription.py")  # fmt: skip
async def _(world: World) -> str:
    async with _connect(world) as socket:
        await _send(socket, type="subscribe", id="1", payload={"query": "{ __typename }"})
        return await _told(socket, "next")


@streams.add(
    "A flood of subscriptions",
    f"{STRAWBERRY} CVE-2026-35526",
    "51 subscriptions on one WebSocket",
    "error TOO_MANY_SUBSCRIPTIONS",
    _LIMITS,
)
async def _(world: World) -> str:
    async with _connect(world, authorization=f"Bearer {world.victim.token}") as socket:
        await _send(socket, type="connection_init")
        for number in range(51):
            payload = {"query": _WATCH, "variables": {"id": world.victim.id}}
            await _send(socket, type="subscribe", id=str(number), payload=payload)
        return await _told(socket, "error")


@streams.add("Places not given back", f"{STRAWBERRY} CVE-2026-107727", "120 queries on one WebSocket", "next",
             "tests/web/protocols/test_streams_load.py")  # fmt: skip
async def _(world: World) -> str:
    async with _connect(world) as socket:
        await _send(socket, type="connection_init")
        for number in range(120):
            await _send(
                socket, type="subscribe", id=str(number), payload={"query": "{ __typename }"}
            )
            told = await _told(socket, "next", "error")
        return told


@streams.add(
    "A WebSocket that begins nothing",
    OWASP,
    "a handshake, and nothing more",
    "closed 4408",
    _PROTOCOL,
)
async def _(world: World) -> str:
    async with _connect(world) as socket:
        return await _told(socket, "connection_ack")


@streams.add(
    "Watching another's jobs",
    f"{OWASP} IDOR",
    "`athleteJobs` of the victim",
    "error NOT_FOUND",
    "tests/web/protocols/test_subscription.py",
)
async def _(world: World) -> str:
    async with _connect(world, authorization=f"Bearer {world.attacker.token}") as socket:
        await _send(socket, type="connection_init")
        await _send(
            socket,
            type="subscribe",
            id="1",
            payload={"query": _WATCH, "variables": {"id": world.victim.id}},
        )
        return await _told(socket, "next", "error")


@streams.add("A long message", OWASP, "300 KiB in one message", "closed 1009", _PROTOCOL)
async def _(world: World) -> str:
    async with _connect(world) as socket:
        await _send(socket, type="connection_init")
        await _send(socket, type="subscribe", id="1", payload={"query": "{ a }" + " " * 300 * 1024})
        return await _told(socket, "next", "error")


@streams.add(
    "Deep nesting over a WebSocket",
    OWASP,
    "what is refused over HTTP",
    "error DOCUMENT_TOO_DEEP",
    "tests/web/protocols/test_streams_documents.py",
)
async def _(world: World) -> str:
    query = (
        "{ viewer { "
        + "athlete { activities(first: 1) { nodes { " * 4
        + "id"
        + " } } }" * 4
        + " } }"
    )
    async with _connect(world) as socket:
        await _send(socket, type="connection_init")
        await _send(socket, type="subscribe", id="1", payload={"query": query})
        return await _told(socket, "next", "error")
