"""Bodies: small pieces wait for the pace of their address, large bodies do not."""

import time
from collections.abc import Iterator

import pytest

from settings import load_settings
from tests.http_server import connected
from tests.web.conftest import listening
from web.http import bounded_protocol
from web.http.address_bounds import STATE_KEY, AddressBounds
from web.http.client_address import ClientAddresses
from web.http.paced_protocol import CHECK_COUNT, FIELDS_LIKE_A_REQUEST, FREE_FIELDS

BURST, PER_S = 250, 500
"""The least pace of an address, in requests."""
LAST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


class App:
    """Answers when it has read a body."""

    def __init__(self) -> None:
        settings = load_settings(None, request_bucket_ip=10, request_refill_ip_per_s=0.1)
        addresses = ClientAddresses(settings.trusted_proxies)
        self.bounds = AddressBounds(settings, addresses, lambda _: True, lambda _: "address:x")
        self.read = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            scope["state"][STATE_KEY] = self.bounds
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        while (message := await receive()).get("more_body"):
            self.read += len(message["body"])
        self.read += len(message.get("body", b""))
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[str]:
    with listening(app) as address:
        yield address


def took_s(address: str, *requests: bytes) -> float:
    """Seconds until all requests of one connection are answered with 200."""
    with connected(address, 30) as connection:
        began = time.monotonic()
        received = b""
        for each in requests:
            connection.sendall(each)
        while data := connection.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == b"".join(requests).count(b" HTTP/1.1\r\n")
    return time.monotonic() - began


def chunks(count: int) -> bytes:
    return CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"


def test_a_body_of_small_chunks_waits_for_the_pace(app: App, server: str):
    count = 200 * (BURST + PER_S)
    assert took_s(server, chunks(count), LAST) > 0.5
    assert app.read == count
    assert app.bounds.struck["pace"] == 1


def test_many_fields_wait_for_the_pace(app: App, server: str):
    def request(fields: int) -> bytes:
        lines = b"".join(b"a%d: b\r\n" % number for number in range(fields - 1))
        return LAST.replace(b"connection: close\r\n", b"").replace(
            b"\r\n\r\n", b"\r\n" + lines + b"\r\n"
        )

    free, many = request(FREE_FIELDS), request(FREE_FIELDS + 5 * FIELDS_LIKE_A_REQUEST)
    assert took_s(server, *[free] * 199, LAST) < 0.5, "as many as may come at once"
    count = 1 + 5
    requests = 150
    least_s = (requests * count - (BURST - 200)) / PER_S
    assert took_s(server, *[many] * requests, LAST) > 0.7 * least_s


def test_health_checks_wait_for_the_pace_as_more(app: App, server: str):
    check = LAST.replace(b" / ", b" /readyz ").replace(b"connection: close\r\n", b"")
    requests = 150
    least_s = (requests * CHECK_COUNT - BURST) / PER_S
    assert took_s(server, *[check] * requests, LAST) > 0.7 * least_s


def test_what_is_read_in_turns_comes_whole(app: App, server: str, monkeypatch):
    monkeypatch.setattr(bounded_protocol, "_TURN_S", -1)  # each KiB in a turn of its own
    long = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + bytes(100_000)
    took_s(server, chunks(20_000) + LAST[:-30], LAST[-30:])
    took_s(server, long * 3, LAST)
    assert app.read == 20_000 + 3 * 100_000


def test_who_leaves_in_a_body_has_paid_for_it(app: App, server: str):
    for _ in range(4):
        with connected(server, 30) as connection:
            connection.sendall(chunks(200 * BURST)[:-5])
            time.sleep(0.1)
    until = time.monotonic() + 10
    while app.bounds.open and time.monotonic() < until:
        time.sleep(0.01)
    assert app.bounds.pace_of("127.0.0.1").take(0, time.monotonic()) > 0


def test_a_long_file_does_not_make_what_follows_wait(app: App, server: str):
    size = 64 * 2**20  # some eight seconds, if each 16 KiB counted as a request
    head = b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    assert took_s(server, head + bytes(size), LAST) < 3
    assert app.read == size
