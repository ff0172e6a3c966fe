"""Responses written in one piece are those that ASGI's way would send."""

import json
import re
import socket
import zlib

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests import http_server
from tests.web.conftest import listening
from web import create_app
from web.http import server_connection
from web.http.server_connection import encoded, is_one_line_each

QUERY = json.dumps({"query": "{ __typename }"}).encode()
LONG = json.dumps({"query": "{ __schema { types { name description } } }"}).encode()
_JSON = b"content-type: application/json\r\n"


def post(body: bytes, fields: bytes = _JSON, version: bytes = b"1.1") -> bytes:
    head = b"POST /graphql HTTP/%b\r\nhost: x\r\nx-request-id: the-request\r\n%b" % (
        version,
        fields,
    )
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def get(target: bytes, method: bytes = b"GET", fields: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\nhost: x\r\nx-request-id: the-request\r\n%b\r\n" % (
        method, target, fields
    )  # fmt: skip


EXCHANGES = {
    "query": post(QUERY),
    "by GET": get(b"/graphql?query=%7B__typename%7D"),
    "HEAD": get(b"/graphql?query=%7B__typename%7D", b"HEAD"),
    "OPTIONS": get(b"/graphql", b"OPTIONS"),
    "HTTP/1.0": post(QUERY, version=b"1.0"),
    "the last one": post(QUERY, _JSON + b"connection: close\r\n"),
    "compressed": post(LONG, _JSON + b"accept-encoding: gzip\r\n"),
    "of another origin": post(QUERY, _JSON + b"origin: https://example.org\r\n"),
    "expecting 100": post(QUERY, _JSON + b"expect: 100-continue\r\n"),
    "in chunks": get(b"/graphql", b"POST", _JSON + b"transfer-encoding: chunked\r\n")
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUERY), QUERY),
    "invalid": post(json.dumps({"query": "{ nothing }"}).encode()),
    "not JSON": post(b"{"),
    "no type": post(QUERY, b""),
    "a page": get(b"/graphql", fields=b"accept: text/html\r\n"),
    "three at once": post(QUERY) + post(LONG) + post(QUERY),
}


def answered(address: str, request: bytes) -> bytes:
    """What is sent back, without what differs from moment to moment."""
    host, port = address.split(":")
    ends = get(b"/healthz", fields=b"connection: close\r\n")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        if b"HTTP/1.0" not in request and b"connection: close" not in request:
            connection.sendall(ends)
        received = b""
        while part := connection.recv(65536):
            received += part
    if b"content-encoding: gzip" in received:
        head, _, body = received.partition(b"\r\n\r\n")
        packed = zlib.decompressobj(wbits=31)
        head = re.sub(rb"content-length: \d+", b"", head)
        received = head + packed.decompress(body) + packed.unused_data
    # RFC 9110, section 10.1.1: no need to ask for a body that is there already.
    received = received.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    received = re.sub(rb"date: [^\r]*\r\n", b"", received)
    return re.sub(rb'"resetAt":"[^"]*"', b"", received)


@pytest.mark.parametrize("name", EXCHANGES)
def test_it_answers_as_asgi_does(settings, name):
    always_full = {"cost_bucket_ip": 10**6, "cost_refill_ip_per_s": 10**9}
    changed = settings.model_copy(update={"cors_origins": ("https://example.org",), **always_full})
    with (
        listening(create_app(changed)) as ours,
        http_server.listening(
            create_app(changed),
            http=HttpToolsProtocol,
            log_config=None,
            proxy_headers=False,
            server_header=False,
        ) as theirs,
    ):
        by_us, by_them = answered(ours, EXCHANGES[name]), answered(theirs, EXCHANGES[name])
    assert by_us.replace(b"server: uvicorn\r\n", b"") == by_them
    assert by_us.startswith(b"HTTP/1.1 ")


def test_responses_are_written_in_one_piece(settings, monkeypatch):
    """The short way is taken at all: ASGI's is not."""
    taken = []
    found = server_connection.connection_of
    monkeypatch.setattr(
        "web.protocols.graphql_over_http.connection_of",
        lambda scope: taken.append(found(scope)) or taken[-1],
    )
    with listening(create_app(settings)) as address:
        assert b'"Query"' in answered(address, post(QUERY))
    assert len(taken) == 1
    assert taken[0] is not None


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_a_value_that_breaks_out_of_its_line_is_seen(value):
    headers = [(b"location", value), (b"vary", b"accept")]
    assert not is_one_line_each(encoded(headers), headers)
    sound = [(b"location", b"a"), (b"vary", b"accept")]
    assert is_one_line_each(encoded(sound), sound)
