"""What a request may ask of its connection, beyond ASGI, where our own server runs the app.

ASGI's way costs more than a small query: a coroutine for each message, and a search through every
header field. Other servers have none of this, so its callers also know ASGI's way.
"""

from collections.abc import Iterable
from typing import Protocol

from starlette.types import Scope

from web.http.security_headers import Headers

KEY = "pacegraph.connection"
"""Name of the connection among the scope's extensions."""


class ServerConnection(Protocol):
    """The connection of one request, which `scope` identifies."""

    def take_body(self, scope: Scope, max_bytes: int) -> bytes | None:
        """Get the whole body if it has arrived and is not longer; None where ASGI has to tell."""

    def respond(self, scope: Scope, status: int, fields: bytes, body: bytes) -> bool:
        """Write a whole response at once, with its header `fields`, each with its line break.

        False where ASGI has to do it: nothing is written then.
        """

    def cut(self) -> None:
        """Close the connection during a response, so that the client sees it is incomplete."""


def connection_of(scope: Scope) -> ServerConnection | None:
    """Get the request's connection; None where another server runs the app."""
    found: ServerConnection | None = scope.get("extensions", {}).get(KEY)
    return found


def encoded(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write header fields as they are sent, each with its line break."""
    return b"".join([b"%b: %b\r\n" % each for each in headers])


def is_one_line_each(fields: bytes, headers: Headers) -> bool:
    """Tell whether no value breaks out of its line."""
    return fields.count(b"\n") == len(headers) == fields.count(b"\r")


class DefaultFields:
    """The header fields of every response, written once for each of uvicorn's lists of them."""

    def __init__(self) -> None:
        self._of: list[tuple[bytes, bytes]] | None = None
        self._written = b""

    def written(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Write `headers`, which uvicorn replaces every second: they have the date."""
        if headers is not self._of:
            self._of, self._written = headers, encoded(headers)
        return self._written


def cut(scope: Scope) -> None:
    """Close the connection of a request while its response is not complete.

    Other servers close it when the app returns.
    """
    if (connection := connection_of(scope)) is not None:
        connection.cut()
