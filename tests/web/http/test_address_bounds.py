"""Connections of an address: how many may be open, and how fast they may be used."""

import asyncio
import json
import logging
import resource
import select
import socket
import time
from contextlib import ExitStack, suppress
from functools import partial
from ipaddress import ip_network

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Frame, Opcode

from settings import load_settings
from tests import http_server
from tests.web.subscriber import web_socket
from web.http import address_bounds
from web.http.address_bounds import FREE_BYTES, AddressBounds
from web.http.client_address import ClientAddresses

GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
SLOW = {"request_bucket_ip": 10, "request_refill_ip_per_s": 0.1}
BURST, PER_S = 250, 500
"""Pace of an address where the limits with 429 are stricter."""
connected = partial(http_server.connected, timeout_s=20)


@pytest.fixture
def bounds_of():
    """Makes bounds from changed settings."""

    def make(is_limited=True, **changes):
        settings = load_settings(None, **changes)
        addresses = ClientAddresses(settings.trusted_proxies)
        return AddressBounds(settings, addresses, lambda _: is_limited, lambda _: "address:x")

    return make


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def bounded(address: str, bound: str) -> float:
    """What `/metrics` says of a bound."""
    text = httpx.get(f"http://{address}/metrics", trust_env=False).text
    name = f'pacegraph_bounded_connections_total{{bound="{bound}"}} '
    return float(text.partition(name)[2].partition("\n")[0])


def logged(caplog: pytest.LogCaptureFixture, bound: str) -> list[logging.LogRecord]:
    return [each for each in caplog.records if getattr(each, "bound", None) == bound]


# --- how many


def test_connections_of_an_address_are_counted_together(bounds_of):
    bounds = bounds_of(connections_per_address=2)
    first, second = bounds.enter("1.2.3.4"), bounds.enter("1.2.3.4")
    assert first is not None
    assert second is not None
    assert bounds.enter("1.2.3.4") is None
    assert bounds.enter("1.2.3.5") is not None
    first.leave()
    assert bounds.enter("1.2.3.4") is not None
    assert bounds.open == 3
    assert bounds.struck["connections"] == 1


def test_an_address_opens_connections_at_a_pace(bounds_of, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(address_bounds, "monotonic", lambda: now)
    bounds = bounds_of(**SLOW, connections_per_address=400)
    opened = [bounds.enter("1.2.3.4") for _ in range(400)]
    assert all(opened)
    for each in opened:
        each.leave()
    for _ in range(3):  # what is refused costs nothing more
        assert bounds.enter("1.2.3.4") is None
    assert bounds.struck["churn"] == 3
    assert bounds.struck["connections"] == 0
    assert bounds.enter("1.2.3.5") is not None
    now += 0.1
    opened = [bounds.enter("1.2.3.4") for _ in range(PER_S)]
    assert [each is not None for each in opened].count(True) == PER_S // 10


def test_a_connection_that_is_kept_is_no_churn(bounds_of):
    bounds = bounds_of(**SLOW)
    kept = bounds.enter("1.2.3.4")
    for _ in range(2000):
        assert kept.wait_s(0, 0) == 0
        other = bounds.enter("1.2.3.5")
        if other is not None:
            other.leave()
    assert bounds.struck["churn"] > 0
    assert bounds.enter("1.2.3.4") is not None


def test_connections_that_come_too_fast_are_told_so(serving, caplog, monkeypatch):
    monkeypatch.setattr(address_bounds, "_LEAST_BURST", 3)
    monkeypatch.setattr(address_bounds, "_LEAST_PER_S", 0.001)
    address = serving(**SLOW, connections_per_address=3)
    for _ in range(3):
        with connected(address) as connection:
            connection.sendall(LAST.replace(b"/healthz", b"/nothing"))
            assert read_all(connection).startswith(b"HTTP/1.1 404 ")
    with connected(address) as connection:
        refused = read_all(connection)
    assert refused.startswith(b"HTTP/1.1 429 ")
    assert b"opens them too fast" in refused
    assert logged(caplog, "churn")[0].caller.startswith("address:")


def test_an_ipv6_network_is_one_address(bounds_of):
    bounds = bounds_of(connections_per_address=1)
    assert bounds.enter("2001:db8:1:2::1") is not None
    assert bounds.enter("2001:db8:1:2:ffff::9") is None
    assert bounds.enter("2001:db8:1:3::1") is not None
    assert bounds.enter("::ffff:1.2.3.4") is not None
    assert bounds.enter("1.2.3.4") is None


def test_proxies_and_sockets_of_files_are_not_bounded(bounds_of):
    bounds = bounds_of(connections_per_address=1, trusted_proxies=("10.0.0.0/8",))
    assert all(bounds.enter("10.1.2.3") for _ in range(5))
    assert all(bounds.enter(None) for _ in range(5))
    assert bounds.open == 10


def test_without_rate_limiting_nothing_is_bounded(bounds_of):
    bounds = bounds_of(is_limited=False, connections_per_address=1)
    connections = [bounds.enter("1.2.3.4") for _ in range(5)]
    assert all(connections)
    assert connections[0].wait_s(1_000_000, 0) == 0
    assert all(each.holds(10**9) for each in connections)
    assert set(bounds.struck.values()) == {0}
    assert {"connections", "churn", "pace", "pipelining", "framing"} < set(bounds.struck)


def test_the_default_follows_the_streams_of_a_caller(bounds_of):
    assert bounds_of().limit == 1000
    assert bounds_of(connections_per_caller=2000).limit == 8000


def test_an_address_never_has_more_than_half_of_the_files(bounds_of, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert bounds_of().limit == 128
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert bounds_of().limit == 1000


def test_too_many_connections_are_told_so_and_counted(serving, caplog):
    address = serving(connections_per_address=3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(address)).sendall(GET)
        with connected(address) as beyond:
            answer = read_all(beyond)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 1" in head
    error = json.loads(body)["errors"][0]
    assert error["extensions"]["code"] == "TOO_MANY_CONNECTIONS"
    assert "CONNECTIONS_PER_ADDRESS" in error["message"]
    for _ in range(100):  # until the server has seen that they are closed
        with connected(address) as again:
            again.sendall(LAST)
            if read_all(again).startswith(b"HTTP/1.1 200 "):
                break
        time.sleep(0.02)
    assert bounded(address, "connections") >= 1
    assert logged(caplog, "connections")[0].caller.startswith("address:")


@pytest.mark.anyio
async def test_websockets_are_counted_too_and_leave(serving):
    address = serving(connections_per_address=2)
    for _ in range(3):
        async with web_socket(address) as one, web_socket(address):
            await one.begin()
            with pytest.raises((InvalidHandshake, ConnectionError)):
                async with web_socket(address):
                    pass
        await asyncio.sleep(0.1)


# --- how much of them is held


def test_bytes_of_unanswered_requests_are_counted_for_their_address(bounds_of):
    bounds = bounds_of(body_max_bytes=2**20)
    connections = [bounds.enter("1.2.3.4") for _ in range(9)]
    other = bounds.enter("1.2.3.5")
    held = 2**20 + FREE_BYTES
    assert [each.holds(held) for each in connections] == [True] * 8 + [False]
    assert connections[0].holds(held)  # no more than before
    assert other.holds(held)
    connections[-1].leave()
    connections[0].holds(0)
    assert bounds.enter("1.2.3.4").holds(held)


def test_small_requests_are_never_too_many(bounds_of):
    bounds = bounds_of(body_max_bytes=1024)
    assert all(bounds.enter("1.2.3.4").holds(FREE_BYTES) for _ in range(1000))


def test_what_is_dropped_is_not_held(bounds_of):
    """The rest of a body that is refused as too long."""
    connection = bounds_of(body_max_bytes=1024).enter("1.2.3.4")
    assert connection.holds(10**9)


_BEGUN = {
    "bodies": b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 60000\r\n\r\n" + b" " * 59_000,
    "heads": b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"a" * 590) for n in range(100)),
}  # fmt: skip


@pytest.mark.parametrize("what", _BEGUN)
def test_no_more_is_read_than_an_address_may_hold(serving, caplog, monkeypatch, what: str):
    monkeypatch.setattr(address_bounds, "_MOST_HELD_BYTES", 200_000)
    address = serving(body_max_bytes=60_000)  # four of these may be held, too
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(address)) for _ in range(12)]
        for each in connections:
            with suppress(ConnectionError):
                each.sendall(_BEGUN[what])
        refused = [each for each in connections if select.select([each], [], [], 0.3)[0]]
        assert 1 <= len(connections) - len(refused) <= 6
        answers = {each.recv(65536).partition(b"\r\n")[0] for each in refused}
        assert answers <= {b"HTTP/1.1 429 Too Many Requests"}
        with connected(address) as small:
            small.sendall(LAST)
            assert read_all(small).startswith(b"HTTP/1.1 200 ")
    assert bounded(address, "held") == len(refused) == len(logged(caplog, "held"))
    assert httpx.post(f"http://{address}/graphql", json={"query": "{ __typename }" + " " * 50_000},
                      trust_env=False).status_code == 200  # fmt: skip


def test_many_long_requests_one_after_another_are_answered(serving, monkeypatch):
    monkeypatch.setattr(address_bounds, "_MOST_HELD_BYTES", 50_000)
    address = serving(body_max_bytes=50_000)
    with httpx.Client(trust_env=False) as client:
        for _ in range(20):
            body = {"query": "{ __typename }", "variables": {"unused": "x" * 40_000}}
            assert client.post(f"http://{address}/graphql", json=body).status_code == 200
    assert bounded(address, "held") == 0


# --- how fast

FEW, FEW_PER_S = 25, 50


@pytest.fixture
def slow_pace(monkeypatch):
    """A pace that a server on a busy machine is faster than."""
    monkeypatch.setattr(address_bounds, "_LEAST_BURST", FEW)
    monkeypatch.setattr(address_bounds, "_LEAST_PER_S", FEW_PER_S)


@pytest.mark.usefixtures("slow_pace")
def test_requests_above_the_pace_wait(serving, caplog):
    address = serving(**SLOW)
    began = time.monotonic()
    with connected(address) as connection:
        connection.sendall(GET * (FEW + FEW_PER_S - 1) + LAST)
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 ") == FEW + FEW_PER_S
    assert time.monotonic() - began > 0.9
    assert bounded(address, "pace") == len(logged(caplog, "pace")) == 1


_KINDS = {
    "ping": json.dumps({"type": "ping"}),
    "pong": json.dumps({"type": "pong"}),
    "complete": json.dumps({"type": "complete", "id": "1"}),
    "ping frame": Opcode.PING,
    "pong frame": Opcode.PONG,
}


@pytest.mark.anyio
@pytest.mark.usefixtures("slow_pace")
@pytest.mark.parametrize("kind", _KINDS)
async def test_messages_above_the_pace_wait(serving, caplog, kind):
    address = serving(**SLOW)
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin()
        began = time.monotonic()
        said = _KINDS[kind]
        frame = (
            Frame(Opcode.TEXT, said.encode()) if isinstance(said, str) else Frame(said, b"")
        ).serialize(mask=True)
        socket.connection.transport.write(frame * (FEW + FEW_PER_S))
        # Read together with these, the last would not wait.
        while not logged(caplog, "pace"):  # noqa: ASYNC110 - the server's thread tells
            await asyncio.sleep(0.001)
        await socket.send(type="ping", payload={"last": True})
        while (await socket.receive()).get("payload") != {"last": True}:
            pass
        assert 0.5 < time.monotonic() - began < 10
    # The last may come just before there is room for it, and wait a moment too.
    assert 1 <= bounded(address, "pace") == len(logged(caplog, "pace")) <= 2


@pytest.mark.anyio
async def test_a_honest_socket_never_waits(serving, caplog):
    address = serving()
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin()
        for number in range(50):
            await socket.subscribe("{ __typename }", str(number))
            assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
        await socket.connection.send(json.dumps({"type": "ping", "payload": {"a": "x" * 200_000}}))
        assert (await socket.receive())["type"] == "pong"
    assert bounded(address, "pace") == 0


@pytest.mark.anyio
@pytest.mark.usefixtures("slow_pace")
async def test_sockets_behind_a_proxy_have_the_pace_of_their_client(serving):
    address = serving(**SLOW, trusted_proxies=(ip_network("127.0.0.1"),))
    ping = Frame(Opcode.PING, b"").serialize(mask=True)
    async with (
        asyncio.timeout(20),
        web_socket(address, **{"x-forwarded-for": "1.2.3.4"}) as fast,
        web_socket(address, **{"x-forwarded-for": "1.2.3.5"}) as other,
    ):
        await fast.begin()
        await other.begin()
        fast.connection.transport.write(ping * (FEW + 10 * FEW_PER_S))
        began = time.monotonic()
        await other.send(type="ping")
        assert (await other.receive())["type"] == "pong"
        assert time.monotonic() - began < 5, "the other is read for ten seconds"
        assert bounded(address, "pace") == 1
        fast.connection.transport.abort()


@pytest.mark.anyio
async def test_a_message_of_too_many_fragments_ends_the_socket(serving):
    address = serving()
    async with asyncio.timeout(20), web_socket(address) as socket:
        await socket.begin()
        transport = socket.connection.transport
        transport.write(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
        transport.write(Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 1100)
        with pytest.raises(ConnectionClosed):
            await socket.receive()
        assert socket.connection.close_code == 1009
    assert bounded(address, "fragments") == 1
