"""Floods: one signed-out client that uses one connection, or one address, at full speed.

`python -m tests.security.connection_floods KIND ADDRESS SECONDS` writes what it sent. Its own
address is 127.0.0.2, so that others are others.
"""

import os
import selectors
import socket
import struct
import sys
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from secrets import token_urlsafe

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from tests.security.http_connection import post, request

SOURCE = ("127.0.0.2", 0)
_BLOCK_BYTES = 256 * 1024
_CONNECTIONS, _BUSY_CONNECTIONS = 1500, 190
_NO_LINGER = struct.pack("ii", 1, 0)
"""The port is free again at once, so that there are always some."""
_HELD = 900
_BOMB_BYTES = 20 * 2**20
"""Bytes of a message of zeros, which are 20 KB with permessage-deflate."""
_INIT = '{"type":"connection_init"}'


def _frames(text: str) -> bytes:
    frame = Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
    return frame * (_BLOCK_BYTES // len(frame))


def _control(opcode: Opcode) -> bytes:
    frame = Frame(opcode, b"").serialize(mask=True)
    return frame * (_BLOCK_BYTES // len(frame))


def bomb() -> bytes:
    """A message that is a thousand times as long when it is decompressed."""
    deflate = PerMessageDeflate(True, True, zlib.MAX_WBITS, zlib.MAX_WBITS)
    return Frame(Opcode.TEXT, bytes(_BOMB_BYTES)).serialize(mask=True, extensions=[deflate])


def _many(one: bytes) -> bytes:
    return one * (_BLOCK_BYTES // len(one) + 1)


def _left() -> bytes:
    """Operations that are completed as they begin."""
    begun = '{"type":"subscribe","id":"1","payload":{"query":"{ activities { nodes { id } } }"}}'
    pair = [begun, '{"type":"complete","id":"1"}']
    frames = [Frame(Opcode.TEXT, each.encode()).serialize(mask=True) for each in pair]
    return _many(b"".join(frames))


def _different(one: Callable[[str], bytes]) -> bytes:
    """Requests that each have a text of their own."""
    return b"".join(one(token_urlsafe(32)) for _ in range(1000))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


_REFUSED = '{"type":"subscribe","id":"1","payload":{"query":"{ nothing }"}}'
_CHUNKED = b"POST /graphql HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
_MESSAGE = 'submitFeedback(input: { message: "flood" }) { userErrors { code } }'
_FEEDBACK = f"mutation {{ {' '.join(f'a{n}: {_MESSAGE}' for n in range(30))} }}"
_NOBODY = 'node(id: "none") { id }'
_REFUSED_IDS = f"{{ {' '.join(f'a{n}: {_NOBODY}' for n in range(30))} }}"

ONE_CONNECTION: dict[str, tuple[bool, Callable[[], bytes]]] = {
    "health checks": (False, lambda: _many(request("GET", "/healthz"))),
    "queries": (False, lambda: _many(post("{ __typename }"))),
    "large variables": (False, lambda: post("{ __typename }", variables={"a": [[]] * 60_000})),
    "chunk extensions": (False, lambda: _CHUNKED + b"1;" + b"x" * _BLOCK_BYTES),
    "trailers": (False, lambda: _CHUNKED + b"0\r\n" + b"a: b\r\n" * (_BLOCK_BYTES // 6)),
    "readiness checks": (False, lambda: _many(request("GET", "/readyz"))),
    "sign-outs": (False, lambda: _many(request("POST", "/auth/sign-out", body=b""))),
    "feedback": (False, lambda: _many(post(_FEEDBACK))),
    "metrics": (False, lambda: _many(request("GET", "/metrics"))),
    "documentation": (False, lambda: _many(request("GET", "/docs"))),
    "many cookies": (False, lambda: _many(request("GET", "/healthz", {"cookie": "a=b;" * 240}))),
    "many parameters": (False, lambda: _many(request("GET", "/healthz?" + "a=b&" * 15_000))),
    "long Accept": (False, lambda: _many(post("{ __typename }", {"accept": "a/b," * 900}))),
    "unknown tokens": (
        False,
        lambda: _different(
            lambda text: post("{ __typename }", {"authorization": f"Bearer pace_{text}"})
        ),
    ),
    "unknown archives": (
        False,
        lambda: _different(lambda text: request("GET", f"/exports/{text}")),
    ),
    "quoted cookies": (
        False,
        lambda: _many(post("{ __typename }", {"cookie": 'a="%s"' % ("\\a" * 2000)})),
    ),
    "events of many values": (
        False,
        lambda: _many(request("POST", "/strava/webhook", body=b"[%b0]" % (b"0," * 9000))),
    ),
    "small chunks": (
        False,
        lambda: _CHUNKED + b"1\r\n \r\n" * (_BLOCK_BYTES // 6) + b"0\r\n\r\n",
    ),
    "many fields": (
        False,
        lambda: _many(request("GET", "/healthz", {f"a{n}": "b" for n in range(190)})),
    ),
    "expectations": (
        False,
        lambda: _many(post("{ __typename }", {"expect": "100-continue"})),
    ),
    "unknown hashes": (
        False,
        lambda: _different(
            lambda text: post(
                "", extensions={"persistedQuery": {"version": 1, "sha256Hash": _hash(text)}}
            )
        ),
    ),
    "preflights": (
        False,
        lambda: _many(
            request(
                "OPTIONS",
                "/graphql",
                {"origin": "https://a.example", "access-control-request-method": "POST"},
            )
        ),
    ),
    "reservations of streams": (False, lambda: _many(request("PUT", "/graphql/stream", body=b""))),
    "sign-ins that begin": (False, lambda: _many(request("GET", "/auth/strava"))),
    "invented callbacks": (
        False,
        lambda: _different(
            lambda text: request("GET", f"/strava/callback?state={text}&code={text}")
        ),
    ),
    "unknown uploads": (
        False,
        lambda: _different(lambda text: request("HEAD", f"/uploads/{text}")),
    ),
    "many ranges": (
        False,
        lambda: _many(request("GET", "/graphiql", {"range": "bytes=" + "0-1," * 900 + "0-1"})),
    ),
    "answers about the schema": (
        False,
        lambda: _many(post("{ __schema { types { name fields { name } } } }")),
    ),
    "answers in parts": (
        False,
        lambda: _many(
            post("{ standardDistances @stream { label } }", {"accept": "multipart/mixed"})
        ),
    ),
    "event streams": (
        False,
        lambda: _many(post("{ __typename }", {"accept": "text/event-stream"})),
    ),
    "refused arguments": (False, lambda: _many(post(_REFUSED_IDS))),
    "the same by QUERY": (False, lambda: _many(post(_REFUSED_IDS).replace(b"POST", b"QUERY", 1))),
    "dry runs": (False, lambda: _many(post("{ __typename }", {"graphql-cost": "validate"}))),
    "unknown paths": (False, lambda: _different(lambda text: request("GET", f"/{text}"))),
    "the older service": (
        False,
        lambda: _different(lambda text: request("GET", f"/v1/athletes/{text}")),
    ),
    "operations that are left": (True, _left),
    "pings": (True, lambda: _frames('{"type":"ping"}')),
    "pongs": (True, lambda: _frames('{"type":"pong"}')),
    "completes": (True, lambda: _frames('{"type":"complete","id":"1"}')),
    "refused subscribes": (True, lambda: _frames(_REFUSED)),
    "ping frames": (True, lambda: _control(Opcode.PING)),
    "pong frames": (True, lambda: _control(Opcode.PONG)),
    "deflate bombs": (True, bomb),
}
"""Whether the connection is a WebSocket, and what is sent over it again and again."""


def connect(address: tuple[str, int], *, is_websocket: bool) -> socket.socket:
    connection = socket.create_connection(address, timeout=5, source_address=SOURCE)
    if is_websocket:
        key = b64encode(os.urandom(16)).decode()
        fields = {
            "connection": "upgrade", "upgrade": "websocket", "sec-websocket-key": key,
            "sec-websocket-version": "13", "sec-websocket-protocol": "graphql-transport-ws",
            "sec-websocket-extensions": "permessage-deflate",
        }  # fmt: skip
        connection.sendall(request("GET", "/graphql", fields))
        connection.recv(1000)
        connection.sendall(Frame(Opcode.TEXT, _INIT.encode()).serialize(mask=True))
    connection.setblocking(False)
    return connection


class _Flood:
    """Sends a block again and again over some connections, and reads what comes or does not."""

    def __init__(self, open_: Callable[[], socket.socket], block: bytes, *, reads: bool) -> None:
        self._open, self._block, self._reads = open_, block, reads
        self._selector = selectors.DefaultSelector()
        self.sent = 0

    def run(self, connections: int, until: float) -> None:
        open_until = (time.monotonic() + until) / 2  # a handshake takes as long as a request
        for _ in range(connections):
            if time.monotonic() < open_until:
                self._begin()
        while time.monotonic() < until:
            for key, events in self._selector.select(0.1):
                try:
                    self._go_on(key.fileobj, key.data, events)
                except BlockingIOError:
                    continue
                except OSError:
                    self._selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self._begin()

    def _begin(self) -> None:
        events = selectors.EVENT_WRITE | (selectors.EVENT_READ if self._reads else 0)
        with suppress(OSError):
            self._selector.register(self._open(), events, [0])

    def _go_on(self, connection: socket.socket, at: list[int], events: int) -> None:
        if events & selectors.EVENT_READ and not connection.recv(_BLOCK_BYTES):
            raise ConnectionError
        if events & selectors.EVENT_WRITE:
            sent = connection.send(self._block[at[0] :])
            at[0] = (at[0] + sent) % len(self._block)
            self.sent += sent


def _open_many(address: tuple[str, int], until: float) -> int:
    """Open more connections than the server has files for, and open others where they end."""
    opened: list[socket.socket] = []
    count = 0
    while time.monotonic() < until:
        with suppress(OSError):
            opened.append(socket.create_connection(address, timeout=1, source_address=SOURCE))
            count += 1
        if len(opened) >= _CONNECTIONS:
            for each in _ended(opened):
                each.close()
                opened.remove(each)
            time.sleep(0.1)
    return count


def _open_and_close(address: tuple[str, int], until: float) -> int:
    """Open connections as fast as possible, and close each at once."""
    count = 0
    while time.monotonic() < until:
        with suppress(OSError), socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            connection.bind(SOURCE)
            connection.connect(address)
            count += 1
    return count


def _long_body() -> bytes:
    """All of a request but the last byte of its body."""
    head = request("POST", "/graphql", {"content-length": str(_BLOCK_BYTES)})
    return head + b" " * (_BLOCK_BYTES - 1)


def _long_head() -> bytes:
    """All of a request but the end of its head."""
    return b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 150


def _hold(address: tuple[str, int], until: float, begun: bytes) -> int:
    """Begin a request over each of many connections, and others where they end."""
    held: list[socket.socket] = []
    count = 0
    while time.monotonic() < until:
        with suppress(OSError):
            connection = socket.create_connection(address, timeout=1, source_address=SOURCE)
            held.append(connection)
            connection.sendall(begun)
            count += 1
        if len(held) >= _HELD or count % 50 == 0:
            for each in _ended(held):
                each.close()
                held.remove(each)
            for each in held:
                each.settimeout(1)
    return count


HOLDING = {"bodies that do not end": _long_body, "heads that do not end": _long_head}
"""What is sent once over each of many connections, which then wait."""


def _ended(connections: Iterable[socket.socket]) -> list[socket.socket]:
    ended = []
    for each in connections:
        each.setblocking(False)
        with suppress(BlockingIOError):
            with suppress(ConnectionError):
                each.recv(1000)
            ended.append(each)
    return ended


def _wait_until_answered(address: tuple[str, int]) -> None:
    """Wait until this address is served: the flood before may have left it behind its pace."""
    with socket.create_connection(address, timeout=60, source_address=SOURCE) as connection:
        connection.sendall(request("GET", "/healthz"))
        connection.recv(1000)


def _main(kind: str, server: str, seconds: float) -> int:
    host, port = server.split(":")
    address = (host, int(port))
    os.nice(5)  # elsewhere it would have a machine of its own
    _wait_until_answered(address)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    until = time.monotonic() + seconds
    if kind == "connections":
        return _open_many(address, until)
    if kind == "churn":
        return _open_and_close(address, until)
    if kind in HOLDING:
        return _hold(address, until, HOLDING[kind]())
    name, _, how = kind.partition(" | ")
    is_websocket, block = ONE_CONNECTION[name]
    flood = _Flood(
        lambda: connect(address, is_websocket=is_websocket), block(), reads=how != "unread"
    )
    flood.run(_BUSY_CONNECTIONS if how == "address" else 1, until)
    return flood.sent


if __name__ == "__main__":
    sys.stdout.write(str(_main(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
