"""Bodies that are too long or too slow, on a real socket."""

import json
import socket
import time

import httpx
import pytest

from web.http import linger

HELLO = b'{"query": "{ __typename }"}'
HEADERS = {"content-type": "application/json"}
LIMIT = 2000


@pytest.fixture
def address(serving):
    return serving(body_max_bytes=LIMIT, body_timeout_s=0.5)


def code(response):
    return response.status_code, response.json()["errors"][0]["extensions"]["code"]


def pieces(length):
    yield HELLO
    for _ in range(0, length - len(HELLO), 500):
        yield b" " * 500


@pytest.mark.parametrize("length", [LIMIT + 1, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_is_413(address, length, chunked):
    content = pieces(length + 500) if chunked else HELLO + b" " * (length - len(HELLO))
    response = httpx.post(f"http://{address}/graphql", content=content, headers=HEADERS)
    assert code(response) == (413, "BODY_TOO_LARGE")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_one_as_long_as_may_be_is_read(address, chunked):
    body = HELLO + b" " * (LIMIT - len(HELLO))
    content = iter([body[:700], body[700:]]) if chunked else body
    response = httpx.post(f"http://{address}/graphql", content=content, headers=HEADERS)
    assert response.status_code == 200


def request(address, *parts, length, pause_s=0.0):
    """Send a head that announces `length` bytes, then `parts`; gives the answer, and how long it
    took.
    """
    host, port = address.split(":")
    head = f"POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    started, received = time.monotonic(), b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        try:
            for part in parts:
                time.sleep(pause_s)
                connection.sendall(part)
            while data := connection.recv(65536):
                received += data
        except ConnectionError:
            pass
    return received, time.monotonic() - started


def test_a_length_alone_is_enough_to_refuse(address):
    """Nothing of the body is waited for."""
    answer, took_s = request(address, length=10**12)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert took_s < 2


@pytest.mark.parametrize("sent", [b"", HELLO[:10]])
def test_a_body_that_does_not_come_is_408(address, sent):
    answer, took_s = request(address, sent, length=len(HELLO))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert (
        json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"]
        == "BODY_TIMEOUT"
    )
    assert 0.4 < took_s < 3


def test_a_body_that_trickles_is_408(address):
    answer, took_s = request(
        address, *(HELLO[at : at + 1] for at in range(len(HELLO) - 1)), length=100, pause_s=0.05
    )
    assert answer.startswith(b"HTTP/1.1 408 ") or answer == b""
    assert took_s < 3


@pytest.mark.parametrize("target", ["POST /graphql", "PUT /uploads/unknown"])
def test_who_sends_all_before_reading_gets_the_refusal(address, target):
    """A reset would take the answer away from the client, which is slow here."""
    host, port = address.split(":")
    head = f"{target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        for _ in range(15):
            time.sleep(0.1)
            connection.sendall(b"x" * 60_000)
        time.sleep(0.1)
        status = b"413" if "graphql" in target else b"404"
        assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_the_rest_of_a_body_is_dropped_within_a_bound(address, monkeypatch):
    monkeypatch.setattr(linger, "LINGER_BYTES", 500_000)
    host, port = address.split(":")
    head = f"POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {10**12}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 60_000_000)


def test_who_leaves_midway_harms_nobody(address):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )
    assert (
        httpx.post(f"http://{address}/graphql", content=HELLO, headers=HEADERS).status_code == 200
    )
