"""HTTP/1.1 by hand: what is sent is exactly what is written, and a load of it costs the sender
little.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_WITHOUT_BODY = {204, 304}
_CODE = re.compile(rb'"code":"(\w+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes

    @property
    def code(self) -> str:
        """`extensions.code` of the first error; empty where there is none."""
        found = (
            _CODE.search(self.body)
            if self.body.startswith(b'{"errors"') or b'"errors":[' in self.body
            else None
        )
        return found[1].decode() if found else ""

    def header(self, name: str) -> str:
        """A header's value; empty where it is not there."""
        found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""


class Connection:
    """One connection, opened anew when the server closed it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.notes: dict[object, bytes] = {}
        """For who uses it to keep things in."""
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> Answer:
        """Send bytes, read an answer. Raises ConnectionError, IncompleteReadError."""
        if (
            self._writer is None
            or self._writer.is_closing()
            or self._reader is None
            or self._reader.at_eof()
        ):
            await self.open()
        assert self._writer is not None
        assert self._reader is not None
        self._writer.write(request)
        try:
            return await self._read(self._reader)
        except BaseException:
            self.close()
            raise

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open it, for who writes and reads by hand."""
        self.close()
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=2**20
        )
        return self._reader, self._writer

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _LENGTH.search(head)
        if status in _WITHOUT_BODY:
            body = b""
        else:
            body = await (reader.readexactly(int(length[1])) if length else reader.read())
        if b"connection: close" in head.lower():
            self.close()
        return Answer(status, head, body)

    async def end(self) -> None:
        """Close, and wait for it."""
        writer = self._writer
        self.close()
        if writer is not None:
            with suppress(ConnectionError):
                await writer.wait_closed()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def post(query: str, headers: Mapping[str, str] | None = None, **members: Any) -> bytes:
    """Bytes of a POST of `query`, whose JSON has the further `members`."""
    return request("POST", "/graphql", headers, json.dumps({"query": query, **members}).encode())


def request(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """Bytes of a request; with a body it is JSON unless `headers` say otherwise."""
    given = {"host": "pacegraph.test", **(headers or {})}
    if body is not None:
        given = {"content-type": "application/json", "content-length": str(len(body)), **given}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")
