"""A connection that sends each request in one piece, and a query for it."""

import gzip
import json
import re
import socket

import pytest

from graph.global_id import encode_id
from tests import factories as make

ATHLETE = """query One($id: ID!) { __typename athlete(id: $id) { id firstName
activities(first: 3) { nodes { id name startedAt distanceMeters } } } }"""
VARYING = re.compile(
    rb'(?m)^date: .*|^x-request-id: .*|^ratelimit: .*|"(work|remaining|resetAt)":[^,}]*'
)
"""What differs from moment to moment; the length follows from it."""
LENGTH = re.compile(rb"(?m)^content-length: (\d+)")


class Client:
    """One connection, which sends each request in one piece."""

    def __init__(self, address: str, token: str | None = None, fields: bytes = b"") -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.fields = b"host: x\r\ncontent-type: application/json\r\n" + fields
        if token is not None:
            self.fields += b"authorization: Bearer %b\r\n" % token.encode()
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, body: dict) -> bytes:
        content = json.dumps(body).encode()
        return b"POST /graphql HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (
            self.fields, len(content), content,
        )  # fmt: skip

    def ask(self, body: dict) -> bytes:
        self.socket.sendall(self.request(body))
        return self.answer()

    def answer(self) -> bytes:
        while b"\r\n\r\n" not in self.rest or len(self.rest) < self._length():
            part = self.socket.recv(65536)
            assert part, self.rest
            self.rest += part
        whole, self.rest = self.rest[: self._length()], self.rest[self._length() :]
        return whole

    def _length(self) -> int:
        end = self.rest.index(b"\r\n\r\n") + 4
        return end + int(LENGTH.search(self.rest)[1])


def lasting(answer: bytes) -> bytes:
    head, end, body = answer.partition(b"\r\n\r\n")
    plain = gzip.decompress(body) if b"content-encoding: gzip" in head else body
    return LENGTH.sub(b"", VARYING.sub(b"", head + end + plain))


@pytest.fixture
def asked(db, person):
    make.create_activity(db, person.athlete_id, name='"Ünder" the\nhill')
    return {"query": ATHLETE, "variables": {"id": encode_id("Athlete", person.athlete_id)}}
