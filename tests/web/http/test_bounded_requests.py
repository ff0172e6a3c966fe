"""Requests of one connection, by a server whose app answers when it is told to: how many of them
are held, what is of a request's head, and what is left when the connection is gone.
"""

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.http_server import connected
from tests.patience import PATIENCE_S
from tests.web.conftest import listening
from web.http import connection_refusals
from web.http.short_way import ShortWayHttp

GET = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
MOST_HELD = 8 + 1024 // len(GET) + 2
"""Requests that wait, those of the part that was being read, and the one that is answered."""


class App:
    """Answers each request with its path, once it may; `seen` are the headers of all."""

    def __init__(self) -> None:
        self.may_answer = True
        self.seen: list[list[tuple[bytes, bytes]]] = []
        self.gone = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/stream":
            await self._stream(receive, send)
            return
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        while not self.may_answer:  # noqa: ASYNC110 - the test's thread tells
            await asyncio.sleep(0.01)
        self.seen.append(list(scope["headers"]))
        length = (b"content-length", b"%d" % len(scope["raw_path"]))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    async def _stream(self, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        keeping = asyncio.create_task(self._keep_alive(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        keeping.cancel()
        self.gone += 1

    async def _keep_alive(self, send):
        while True:
            await send({"type": "http.response.body", "body": b":", "more_body": True})
            await asyncio.sleep(0.02)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[str]:
    with listening(app) as address:
        yield address


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def ask(address: str, *parts: bytes) -> bytes:
    with connected(address) as connection, suppress(BrokenPipeError, ConnectionResetError):
        for each in parts:
            connection.sendall(each)
            time.sleep(0.02)
        return read_all(connection)
    return b""


def held() -> int:
    """How many requests this process holds."""
    return sum(type(each) is RequestResponseCycle for each in gc.get_objects())


def eventually(is_so, within_s=PATIENCE_S) -> bool:
    until = time.monotonic() + within_s
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()


def test_few_requests_are_held_however_many_are_sent(app: App, server: str):
    app.may_answer = False
    with connected(server) as connection:
        connection.sendall(b"".join(GET % number for number in range(5000)))
        time.sleep(0.2)
        waiting = held()
        connection.sendall(b"".join(GET % number for number in range(5000, 6000)) + LAST)
        app.may_answer = True
        answers = read_all(connection)
    assert waiting <= MOST_HELD
    paths = [each.rpartition(b"\r\n\r\n")[2] for each in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert paths == [b"/%d" % number for number in range(6000)] + [b"/last"]


def test_nothing_is_read_while_requests_wait(app: App, server: str):
    """Answers do not let more in than they make room for."""
    with connected(server) as connection:
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            while True:  # and no answer is read
                connection.sendall(GET % 0 * 5000)
        assert held() <= MOST_HELD


@pytest.mark.parametrize("is_begun", [False, True], ids=["waiting", "answered"])
def test_a_connection_that_is_gone_holds_nothing(app: App, server: str, is_begun: bool):
    app.may_answer = False
    gc.collect()
    gc.disable()  # what is free at once needs no collection
    try:
        with connected(server) as connection:
            connection.sendall(GET % 0 * 1000)
            assert eventually(lambda: held() > 5)
            if is_begun:
                app.may_answer = True
                connection.recv(1000)
        app.may_answer = True
        assert eventually(lambda: held() <= 1)  # the parser's last
        kept = [each for each in gc.get_objects() if type(each) is ShortWayHttp]
        assert len(kept) <= 1
    finally:
        gc.enable()


def test_a_stream_ends_with_its_connection_though_requests_wait_behind_it(app: App, server: str):
    with connected(server) as connection:
        connection.sendall(GET.replace(b"/%d", b"/stream") + GET % 1)
        assert connection.recv(1000)
        time.sleep(0.1)
    assert eventually(lambda: app.gone == 1)


def test_a_body_behind_waiting_requests_arrives(app: App, server: str):
    body = b"x" * 200_000
    post = b"POST /post HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert ask(server, GET % 1 * 300 + post + body + LAST).count(b"HTTP/1.1 200 OK") == 302


def test_nothing_is_read_after_the_last_request(app: App, server: str):
    assert ask(server, LAST + GET % 1 * 5000).count(b"HTTP/1.1 200 OK") == 1
    assert len(app.seen) == 1


@pytest.mark.parametrize("pause", [b"", b"split"], ids=["at once", "in pieces"])
def test_trailers_are_no_headers(app: App, server: str, pause: bytes):
    trailers = b"x-request-id: forged-forged\r\nauthorization: Bearer x\r\nexpect: 100-continue\r\n"
    parts = [CHUNKED, b"1\r\na\r\n", b"0\r\n", trailers, b"\r\n", LAST]
    answers = ask(server, *(parts if pause else [b"".join(parts)]))
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b"100 Continue" not in answers
    named = [{name for name, _ in headers} for headers in app.seen]
    assert named == [{b"host", b"transfer-encoding"}, {b"host", b"connection"}]


@pytest.mark.parametrize(
    "framing",
    [
        b"1;" + b"x" * 40_000 + b"\r\na\r\n0\r\n\r\n",
        b"1\r\na\r\n0\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
        b"1\r\na\r\n0\r\n" + b"x: y\r\n" * 100 + b"\r\n",
    ],
    ids=["a chunk's extension", "a long trailer", "many trailers"],
)
def test_what_is_around_a_body_is_bounded(app: App, server: str, framing: bytes):
    assert ask(server, CHUNKED, framing) in {connection_refusals.TOO_LARGE, b""}
    assert ask(server, LAST).endswith(b"/last")
    assert len(app.seen) == 1


def test_small_chunks_with_short_extensions_are_read(app: App, server: str):
    body = b"1;a=b\r\nx\r\n" * 5000 + b"0\r\nchecksum: abc\r\n\r\n"
    assert ask(server, CHUNKED + body + LAST).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "fields",
    [b"", b"host: a\r\nhost: a\r\n", b"host: a\r\nHost: b\r\n", b"host: a b\r\n", b"host: a/b\r\n"],
    ids=["none", "twice", "two", "with a space", "with a path"],
)
def test_a_request_has_one_valid_host(app: App, server: str, fields: bytes):
    request = b"GET / HTTP/1.1\r\n" + fields + b"\r\n"
    assert ask(server, request).startswith(b"HTTP/1.1 400 ")
    assert app.seen == []


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a.example:8000", b"127.0.0.1:80", b"[::1]:8000", b"%5Fa_b.example"]
)
def test_valid_hosts_are_taken(app: App, server: str, host: bytes):
    assert b"200 OK" in ask(server, b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % host + LAST)


def test_http_1_0_needs_no_host(app: App, server: str):
    assert ask(server, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_no_websocket_begins_while_a_request_is_answered(app: App, server: str):
    app.may_answer = False
    upgrade = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert ask(server, GET % 1 + upgrade).startswith(b"HTTP/1.1 400 ")
    app.may_answer = True


def test_a_handshake_with_a_long_field_is_refused(server: str):
    upgrade = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    received = ask(server, upgrade + b"cookie: " + b"a" * 9000 + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 431 ")
