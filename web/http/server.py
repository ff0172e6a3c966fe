"""The API's process and its server: uvicorn, with an end for clients that do not read.

uvicorn alone waits forever for such a client. Here the kernel closes the connection.

A stop signal ends it in three steps. For SHUTDOWN_DELAY_S all is served, but readiness is false and
each answer is the last on its connection, so that a proxy goes elsewhere and no request comes as
its connection closes. Then no more connections begin, those that began are accepted, and streams
end. Requests under way have SHUTDOWN_GRACE_S.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from os import dup
from typing import Protocol

import uvicorn

from runtime.allocator import give_back
from settings import Settings
from web.http.closing_listener import open_no_more
from web.http.last_answer import DRAINING
from web.http.short_way import ShortWayHttp

# The kernel's limit on how long sent bytes may stay unacknowledged, or unsent because the client's
# window is closed. Only Linux has it.
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)

# How much the kernel takes of what it cannot send yet. It would take up to 4 MB of each connection,
# and one address could use up the memory that it has for all connections. Linux and macOS have it.
_NOT_SENT = getattr(socket, "TCP_NOTSENT_LOWAT", None)
_NOT_SENT_BYTES = 64 * 1024

_RECEIVE_BYTES = 32 * 1024
"""Bytes that the kernel holds of a connection, and so the most that one read brings."""
_PING_EVERY_S = 20.0
"""Between pings of a WebSocket. SUBSCRIPTION_SEND_TIMEOUT_S is how long an answer may take."""
_TICK_S = 0.1
_STREAM_END_S = 0.05
"""Seconds that streams have to tell their clients of a shutdown, and that waiting connections have
to be accepted, before all close.
"""
_COLLECTOR_THRESHOLDS = (20_000, 20, 50)
_SWITCH_INTERVAL_S = 0.001


class Ending(Protocol):
    """What an application does when its server was told to stop."""

    def leave_proxies(self) -> None:
        """Tell probes of readiness that requests belong elsewhere."""

    def end_streams(self) -> None:
        """Tell streams to end, which would go on otherwise."""


class Server(uvicorn.Server):
    """Ends a connection when its client leaves something unread for `unread_s` seconds."""

    def __init__(
        self,
        config: uvicorn.Config,
        unread_s: float,
        ending: Ending | None = None,
        delay_s: float = 0,
    ) -> None:
        """Make the server. Without `ending` a stop signal closes connections without a delay."""
        super().__init__(config)
        self._unread_ms = int(unread_s * 1000)
        self._ending, self._delay_s = ending, delay_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            for listener in self._listeners():
                self._limit(listener)

    async def main_loop(self) -> None:
        await super().main_loop()
        if self._ending is not None:
            self._ending.leave_proxies()
            self.lifespan.state[DRAINING] = True
            for tick in range(ceil(self._delay_s / _TICK_S)):
                if self.force_exit:
                    break
                await asyncio.sleep(_TICK_S)
                await self.on_tick(tick)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._ending is not None:
            for listener in self._listeners():
                open_no_more(listener)
            self._ending.end_streams()
            await asyncio.sleep(_STREAM_END_S)
        await super().shutdown(sockets)

    def _listeners(self) -> Iterator[socket.socket]:
        """Give the listening TCP sockets, each as a socket of the same file, closed after its turn."""
        for server in self.servers:
            for each in server.sockets:
                if each.family in {socket.AF_INET, socket.AF_INET6}:
                    with socket.socket(
                        each.family, each.type, fileno=dup(each.fileno())
                    ) as listener:
                        yield listener

    def _limit(self, listener: socket.socket) -> None:
        """Set the limits on a listening socket: connections inherit them."""
        if _USER_TIMEOUT is not None:
            listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, self._unread_ms)
        if _NOT_SENT is not None:
            listener.setsockopt(socket.IPPROTO_TCP, _NOT_SENT, _NOT_SENT_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)


def serve(
    app: object,
    settings: Settings,
    host: str,
    port: int,
    ending: Ending | None = None,
) -> int:
    """Serve an ASGI app until a signal ends it; return the process's exit code."""
    server = Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            host=host,
            port=port,
            loop="uvloop",
            http=ShortWayHttp,
            ws=asyncio.Protocol,  # `ShortWayHttp` has its own, which it imports with the first
            log_config=None,  # `logs` configures logging
            access_log=False,
            server_header=False,
            # TRUSTED_PROXIES decides which proxies to trust, not FORWARDED_ALLOW_IPS.
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_grace_s,
            timeout_keep_alive=settings.keep_alive_s,
            ws_max_size=settings.body_max_bytes,
            ws_ping_interval=_PING_EVERY_S,
            ws_ping_timeout=settings.subscription_send_timeout_s,
        ),
        unread_s=settings.subscription_send_timeout_s,
        ending=ending,
        delay_s=settings.shutdown_delay_s,
    )
    server.run()
    return 0 if server.started else 1


def tune_process() -> None:
    """Tune collector, interpreter and file limit. Call it after the app is made."""
    # The app's own objects live as long as the process: full collections need not visit them. A
    # collection first would find nearly nothing, and look at all of them.
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    gc.enable()
    give_back()
    _allow_many_files()
    # The event loop must not wait the default 5 ms for the interpreter while a thread validates a
    # document.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _allow_many_files() -> None:
    """Raise the limit of open files as far as the system allows: each connection is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
