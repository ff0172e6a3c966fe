"""Requests that never begin as they should: the connection ends, and the server goes on."""

import socket
import time

import pytest

from web.http import bounded_protocol, connection_refusals

BODY = b'{"query":"{ __typename }"}'
HEAD = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    % len(BODY)
)
WHOLE = HEAD + b"\r\n" + BODY
LAST = HEAD + b"connection: close\r\n\r\n" + BODY


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(bounded_protocol, "MAX_HEAD_S", 0.5)


def talk(address, *parts, pause_s=0.0):
    """Send, until the server has enough; gives all that came back until the server ended it."""
    host, port = address.split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        try:
            for each in parts:
                connection.sendall(each)
                time.sleep(pause_s)
            while data := connection.recv(65536):
                received += data
        except (BrokenPipeError, ConnectionResetError):
            return received
    return received


def test_requests_are_answered_one_after_another(address):
    assert talk(address, WHOLE * 2 + LAST).count(b"HTTP/1.1 200 OK") == 3


def test_a_request_may_come_in_pieces(address):
    assert b"HTTP/1.1 200 OK" in talk(address, LAST[:30], LAST[30:100], LAST[100:], pause_s=0.05)


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"a: b\r\n" * 1000 + b"\r\n" + BODY],
        [HEAD, *([b"a: b\r\n" * 50] * 10)],
        [HEAD + b"a: " + b"b" * 600_000],
    ],
    ids=["many", "many-in-pieces", "long"],
)
def test_too_much_is_431(address, parts):
    # The answer may be lost to whoever goes on sending.
    assert talk(address, *parts, pause_s=0.02) in {connection_refusals.TOO_LARGE, b""}
    assert talk(address, LAST).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "fields", [b"cookie: " + b"a=b;" * 2000, (b"x: " + b"," * 300 + b"\r\n") * 4]
)
def test_a_head_of_very_many_parts_is_431(address, fields):
    """To read them one by one takes the event loop for many milliseconds."""
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + fields.strip() + b"\r\n\r\n"
    assert talk(address, head) in {connection_refusals.TOO_LARGE, b""}
    few = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: %b\r\n\r\n"
    assert talk(address, few % (b"a=b; " * 900)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", [65_536, 600_000])
def test_a_longer_address_than_can_be_split_is_414(address, length):
    target = b"GET /graphql?query=" + b"a" * (length - 15)
    received = talk(address, target + b" HTTP/1.1\r\nhost: x\r\n\r\n", pause_s=0.02)
    assert received in {connection_refusals.TARGET_TOO_LONG, b""}


def test_the_longest_address_is_answered(address):
    query = b"{__typename}".ljust(65_535 - len("/graphql?query="), b",")
    received = talk(
        address, b"GET /graphql?query=%b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % query
    )
    assert b"DOCUMENT_TOO_LARGE" in received  # GraphQL's own limit


@pytest.mark.parametrize("begun", [b"", HEAD, b"P"], ids=["nothing", "half", "a letter"])
def test_what_does_not_come_is_not_waited_for(address, begun):
    started = time.monotonic()
    assert talk(address, begun).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 10


def test_trickling_gains_no_time(address):
    assert talk(address, *(HEAD[at : at + 1] for at in range(60)), pause_s=0.05) in {
        b"",
        connection_refusals.TOO_SLOW,
    }


def test_the_next_request_is_not_waited_for_either(address):
    received = talk(address, WHOLE, HEAD, pause_s=0.1)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(connection_refusals.TOO_SLOW)


@pytest.mark.parametrize(
    "never_ending",
    [
        [WHOLE, b"\r\n"],
        [b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", *([b"x"] * 40)],
    ],
    ids=["line ends", "a body after its answer"],
)
def test_what_begins_no_request_is_not_waited_for(address, never_ending):
    started = time.monotonic()
    received = talk(address, *never_ending, pause_s=0.1)
    assert received.count(b"HTTP/1.1 ") <= 1  # the answer to what was asked
    assert time.monotonic() - started < 4.5


def test_what_is_no_http_is_400(address):
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ):
        answer = talk(address, sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"BAD_REQUEST"' in answer
        assert b"Host" in answer
