"""What a request and a stream had is freed when they end, not at a collection, which comes late."""

import asyncio
import gc
import random
import socket
import struct
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode

from graph.context import Context
from graph.operation_request import OperationRequest
from tests.patience import PATIENCE_S
from tests.security.connection_floods import bomb, connect
from tests.security.http_connection import request
from tests.web import churn
from tests.web.api_process import until
from tests.web.churn import Visit
from web.http.bounded_websocket import BoundedWebSocket
from web.http.short_way import ShortWayHttp
from web.protocols.response import Exchange
from web.protocols.subscriber import Subscriber

pytestmark = [pytest.mark.anyio, pytest.mark.whole]

_OF_REQUESTS = (
    ShortWayHttp,
    BoundedWebSocket,
    Context,
    Exchange,
    OperationRequest,
    Subscriber,
)
_VISITS = 3
_BAD_ID = {"query": "query($id: ID!) { athlete(id: $id) { id } }", "variables": {"id": [1]}}
_DEAR = "{ viewer { athlete { activities(first: 1000) { nodes { bestEfforts { id activity { bestEfforts { id } } } } } } } }"
_REQUESTS = {
    "a plan": {"query": "{ viewer { scopes athlete { id } } }"},
    "no plan": {"query": 'mutation { cancelJob(input: { id: "x" }) { __typename } }'},
    "several problems": {
        "query": 'mutation { submitFeedback(input: { message: "", contact: "a\\nb" }) { userErrors { field } } }'
    },
    "variables that do not fit": _BAD_ID,
    "too expensive": {"query": _DEAR},
    "no such field": {"query": "{ nothing }"},
    "no document": {},
}


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left() -> dict[str, int]:
    found = Counter(type(each).__name__ for each in gc.get_objects() if type(each) in _OF_REQUESTS)
    return dict(found)


@pytest.mark.parametrize("way", sorted(set(churn.WAYS), key=str), ids=lambda each: each.__name__)
async def test_a_stream_leaves_nothing(address, person, job, way, without_collector):
    host, port = address.split(":")
    for _ in range(_VISITS):
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(10):
            await way(Visit(reader, writer, address, person.token, job))
        writer.close()
    del reader, writer
    await until(lambda: not left(), 5)


@pytest.mark.parametrize("members", _REQUESTS.values(), ids=_REQUESTS)
async def test_a_request_leaves_nothing(address, person, members, without_collector):
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        for token in (person.token, f"pace_{random.random()}"):
            headers = {"authorization": f"Bearer {token}"}
            await client.post("/graphql", json=members, headers=headers)
    await until(lambda: not left(), 5)


async def test_a_connection_that_its_client_resets_leaves_nothing(address, without_collector):
    """Its timer neither, which would hold it as long as idle connections are kept."""
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(request("GET", "/healthz"))
    await reader.read(1000)
    socket_ = writer.get_extra_info("socket")
    socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    del reader, writer
    await until(lambda: not left(), 5)


async def test_what_was_decompressed_of_a_message_too_large_is_freed(address, without_collector):
    host, port = address.split(":")
    connection = await asyncio.to_thread(connect, (host, int(port)), is_websocket=True)
    connection.setblocking(True)
    connection.settimeout(PATIENCE_S)
    answer = await asyncio.to_thread(_last_of, connection, bomb())
    connection.close()
    assert struct.pack("!H", CloseCode.MESSAGE_TOO_BIG) in answer
    await until(lambda: not left(), 5)
    errors = [each for each in gc.get_objects() if type(each) is PayloadTooBig]
    assert [each.__traceback__ for each in errors] == [None] * len(errors)


def _last_of(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(message)
    answer = b""
    while part := connection.recv(1000):
        answer += part
    return answer
