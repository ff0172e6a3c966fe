"""Clients who come and go, in all the ways there are: raw sockets, for tens of thousands of them."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from redis import Redis
from sqlalchemy import Connection

from graph.global_id import encode_id
from jobs.enqueue import CHANNEL
from tests import factories as make
from tests.web.api_process import ApiProcess, until
from tests.web.subscriber import JOB

_PING = 9
_AT_ONCE = 40  # below CONNECTIONS_PER_CALLER


@dataclass
class Visit:
    """One client's connection, which subscribes with `query` to what has the id `subject`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    token: str
    subject: str
    query: str = JOB

    async def shake_hands(self) -> None:
        key = b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET /graphql HTTP/1.1\r\nHost: {self.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        assert b" 101 " in (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]

    def send(self, **message: object) -> None:
        data = json.dumps(message).encode()
        length = (
            bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        )
        self.writer.write(b"\x81" + length + bytes(4) + data)  # masked with zeros

    async def receive(self, kind: str) -> None:
        opcode, data = await self._frame()
        while opcode == _PING:
            self.writer.write(bytes([0x8A, 0x80 | len(data)]) + bytes(4) + data)  # a pong
            opcode, data = await self._frame()
        assert json.loads(data)["type"] == kind, data

    async def _frame(self) -> tuple[int, bytes]:
        head = await self.reader.readexactly(2)
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        return head[0] & 0x0F, await self.reader.readexactly(length)

    async def begin(self) -> None:
        await self.shake_hands()
        self.send(type="connection_init", payload={"authorization": f"Bearer {self.token}"})
        await self.receive("connection_ack")

    async def subscribe(self) -> None:
        await self.begin()
        self.send(type="subscribe", id="1", payload=self._payload)

    async def post(self) -> None:
        body = json.dumps(self._payload)
        self.writer.write(
            f"POST /graphql HTTP/1.1\r\nHost: {self.address}\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    @property
    def _payload(self) -> dict[str, object]:
        return {"query": self.query, "variables": {"id": self.subject}}

    def abort(self) -> None:
        """Leave without a word: the other side gets a reset."""
        self.writer.transport.abort()


async def politely(visit: Visit) -> None:
    await visit.subscribe()
    await visit.receive("next")
    visit.send(type="complete", id="1")
    visit.writer.write(b"\x88\x82" + bytes(4) + (1000).to_bytes(2, "big"))
    await visit.reader.read()


async def in_the_middle(visit: Visit) -> None:
    await visit.subscribe()
    await visit.receive("next")
    visit.abort()


async def before_the_answer(visit: Visit) -> None:
    await visit.subscribe()
    await visit.writer.drain()
    visit.abort()


async def after_the_beginning(visit: Visit) -> None:
    await visit.begin()
    visit.abort()


async def after_the_handshake(visit: Visit) -> None:
    await visit.shake_hands()
    visit.abort()


async def within_the_handshake(visit: Visit) -> None:
    visit.writer.write(b"GET /graphql HTTP/1.1\r\nUpgrade: websocket\r\n")
    await visit.writer.drain()
    visit.abort()


async def in_wrong_words(visit: Visit) -> None:
    await visit.begin()
    visit.send(type="nonsense")
    assert (await visit.reader.readexactly(1)) == b"\x88"  # a close frame, which is not answered
    visit.abort()


async def streaming(visit: Visit) -> None:
    await visit.post()
    await visit.reader.readuntil(b"event: next")
    visit.abort()


async def streaming_unread(visit: Visit) -> None:
    await visit.post()
    await visit.writer.drain()
    visit.abort()


WAYS: tuple[Callable[[Visit], Awaitable[None]], ...] = (
    politely, politely, politely, in_the_middle, in_the_middle, before_the_answer, after_the_beginning,
    after_the_handshake, within_the_handshake, in_wrong_words, streaming, streaming_unread,
)  # fmt: skip


async def come_and_go(address: str, token: str, job: str, visits: int) -> None:
    """Visit so many times, each in its own way."""
    host, port = address.split(":")
    turns = iter(range(visits))

    async def one_after_another() -> None:
        for turn in turns:
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                async with asyncio.timeout(20):
                    await WAYS[turn % len(WAYS)](Visit(reader, writer, address, token, job))
            finally:
                writer.close()

    async with asyncio.TaskGroup() as clients:
        for _ in range(_AT_ONCE):
            clients.create_task(one_after_another())


async def assert_nothing_is_left(
    api: ApiProcess, db: Connection, redis: Redis, visits: int, spare_mb: float
) -> None:
    person = make.create_person(db)
    job = encode_id("Job", make.create_job(db, person.athlete_id, status="RUNNING", version=1))
    visit = partial(come_and_go, api.address, person.token, job)
    await visit(600)  # what is kept once and for all is kept now
    await until(lambda: api.sockets == 0, 10)
    tasks, files, rss_mb, clients = (
        api.gauges()["tasks"],
        api.files,
        api.rss_mb,
        len(redis.client_list()),
    )
    await visit(visits)
    await until(lambda: api.sockets == 0, 10)
    gauges = api.gauges()
    names = ("open_connections", "open_subscriptions", "job_watchers", "operations_under_way")
    assert {name: gauges[name] for name in names} == dict.fromkeys(names, 0)
    assert gauges["tasks"] <= tasks + 1
    assert api.files <= files + 3  # pools open a connection more now and then
    assert len(redis.client_list()) <= clients + 3
    assert redis.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 1)]
    assert api.rss_mb - rss_mb < spare_mb
