"""A server of bytes: it answers requests with whatever a test gives it."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket], None]


def read_request(connection: socket.socket) -> bytes:
    """Read all of it: a connection that is closed with something unread is reset."""
    request = bytearray()
    while b"\r\n\r\n" not in request:
        if not (piece := connection.recv(65536)):
            return b""
        request += piece
    head, _, body = bytes(request).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    left = int(length[1]) - len(body) if length else 0
    while left > 0:
        left -= len(connection.recv(left))
    return head


@contextmanager
def serving(answer: Answer, seen: list[bytes] | None = None) -> Iterator[str]:
    """Give each connection one `answer`, and close it; notes the heads of requests in `seen`."""

    def serve(connection: socket.socket) -> None:
        request = read_request(connection)
        if seen is not None:
            seen.append(request)
        answer(connection)

    with serving_connections(serve) as address:
        yield f"http://{address}"


@contextmanager
def serving_connections(serve: Answer) -> Iterator[str]:
    """Give each connection to `serve`, one after the other, and close it."""

    def serve_all() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_all)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def sending(*pieces: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer
