"""uvicorn, which waits for ever for a client that does not read: here the kernel cuts such a connection."""

import socket
from collections.abc import Iterable
from os import dup
from typing import Any

import uvicorn

# What was sent and is not acknowledged, or cannot be sent because the client's window is closed, for so long.
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)  # only Linux has it


class Server(uvicorn.Server):
    """Its connections end when the client leaves something unread for `unread_s` seconds, or is lost unnoticed."""

    def __init__(self, config: uvicorn.Config, unread_s: float) -> None:
        super().__init__(config)
        self._unread_ms = int(unread_s * 1000)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if _USER_TIMEOUT is not None and self.started:
            for server in self.servers:
                self._limit(server.sockets)

    def _limit(self, listeners: Iterable[Any]) -> None:
        """Set the limit on listening sockets: connections inherit it."""
        for each in listeners:
            if each.family in {socket.AF_INET, socket.AF_INET6}:
                with socket.socket(each.family, each.type, fileno=dup(each.fileno())) as listener:
                    listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT or 0, self._unread_ms)
