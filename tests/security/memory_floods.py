"""Floods of what is kept: answers that nobody reads, and variables of requests that wait.

`python -m tests.security.memory_floods KIND ADDRESS SECONDS` writes how many requests it sent.
Its own address is 127.0.0.2, as that of `tests/security/connection_floods.py`.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from websockets.frames import Frame, Opcode

from tests.security.connection_floods import SOURCE, connect
from tests.security.http_connection import post, request

_ASSETS = Path(__file__).parents[2] / "web" / "graphiql" / "dist" / "assets"
_CONNECTIONS, _SOCKETS = 900, 48
_MANY, _FEW = 2000, 25
"""Objects in the variables of a request."""
_READ_BYTES = 65_536
_SCHEMA = "{ __schema { types { name description fields { name description } } } }"

Blocks = Iterator[bytes]


def _file() -> Blocks:
    """The largest file there is, again and again."""
    largest = max(_ASSETS.iterdir(), key=lambda each: each.stat().st_size)
    while True:
        yield request("GET", f"/graphiql/assets/{largest.name}")


def _answers() -> Blocks:
    """Several answers at once, none of which is shared."""
    while True:
        yield request("GET", "/metrics") + request("GET", "/openapi.json") * 4 + post(_SCHEMA)


def _asks() -> Blocks:
    """Operations with long answers, on a socket that is not read."""
    for number in count():
        message = {"type": "subscribe", "id": str(number), "payload": {"query": _SCHEMA}}
        yield Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


def _members(objects: int) -> Iterator[dict[str, object]]:
    """Documents that are new to the server, so that they wait to be read, and many objects."""
    for number in count(int(time.time() * 1000) % 10**9 * 1000):
        query = f"query Q{number}($a: [ID!]) {{ a{number}: __typename }}"
        found = [{f"k{each % 50}{number}": f"v{each}{number}"} for each in range(objects)]
        yield {"query": query, "variables": {"a": found}}


def _posts(objects: int) -> Blocks:
    for each in _members(objects):
        yield post(each.pop("query"), **each)  # type: ignore[arg-type]


def _subscribes(objects: int) -> Blocks:
    for number, each in enumerate(_members(objects)):
        message = {"type": "subscribe", "id": str(number), "payload": each}
        yield Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


KINDS: dict[str, tuple[bool, bool, Callable[[], Blocks]]] = {
    "unread files": (False, False, _file),
    "unread answers": (False, False, _answers),
    "variables": (False, True, lambda: _posts(_MANY)),
    "small variables": (False, True, lambda: _posts(_FEW)),
    "unread answers over WebSockets": (True, False, _asks),
    "variables over WebSockets": (True, True, lambda: _subscribes(_MANY)),
    "small variables over WebSockets": (True, True, lambda: _subscribes(_FEW)),
}
"""Whether the connections are WebSockets, whether answers are read, and what is sent."""


def _open(address: tuple[str, int], *, is_websocket: bool) -> socket.socket:
    if is_websocket:
        return connect(address, is_websocket=True)
    made = socket.create_connection(address, timeout=3, source_address=SOURCE)
    made.setblocking(False)
    return made


class _Client:
    """A connection that sends a block, and another when there was an answer or nothing is read."""

    def __init__(self, connection: socket.socket, blocks: Blocks, *, waits: bool) -> None:
        self._connection, self._blocks, self._waits = connection, blocks, waits
        self.left = next(blocks)
        self.sent = 0

    def go_on(self) -> None:
        """Read and send what is possible now. Raises OSError where the server ended it."""
        if self.left:
            with suppress(BlockingIOError):
                self.left = self.left[self._connection.send(self.left) :]
                self.sent += not self.left
        if self._waits:
            with suppress(BlockingIOError):
                if not self._connection.recv(_READ_BYTES):
                    raise ConnectionError
                self.left = self.left or next(self._blocks)

    def close(self) -> None:
        self._connection.close()


def _main(kind: str, server: str, seconds: float) -> int:
    host, port = server.split(":")
    until = time.monotonic() + seconds
    os.nice(5)  # elsewhere it would have a machine of its own
    is_websocket, reads, blocks_of = KINDS[kind]
    blocks, clients, sent = blocks_of(), [], 0
    while time.monotonic() < until:
        if len(clients) < (_SOCKETS if is_websocket else _CONNECTIONS):
            with suppress(OSError):
                made = _open((host, int(port)), is_websocket=is_websocket)
                clients.append(_Client(made, blocks, waits=reads and not is_websocket))
        for each in clients[:]:
            try:
                each.go_on()
                if is_websocket and not each.left:  # a socket has many operations at once
                    each.left = next(blocks)
            except OSError:
                each.close()
                clients.remove(each)
                sent += each.sent
        time.sleep(0.001)
    return sent + sum(each.sent for each in clients)


if __name__ == "__main__":
    sys.stdout.write(str(_main(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
