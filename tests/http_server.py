"""Serves an application on a socket, from a thread of the test's process."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import uvicorn

_GRACE_S = 1.0
_IDLE_S = 75
"""Seconds that a connection may be idle: more than httpx keeps one. With the same 5 s, a request was
sent just as the server closed the connection."""
_LOOK_EVERY_S = 0.005
_LAST_TURNS = 5
"""Turns of the loop in which an accepted connection reaches its protocol."""


class _Server(uvicorn.Server):
    """Ends within milliseconds. uvicorn's own looks ten times a second whether it is to end, and
    sleeps before it looks whether connections are closed; here several hundred tests end one.
    """

    _wake: Callable[[], object] | None = None

    def stop(self) -> None:
        """End; called from another thread."""
        self.should_exit = True
        if self._wake is not None:
            with suppress(RuntimeError):  # it ended by itself, and its loop is closed
                self._wake()

    async def main_loop(self) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(ending.set)
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in (*self.servers, *(sockets or [])):
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        until, state = monotonic() + _GRACE_S, self.server_state
        while (state.connections or state.tasks) and monotonic() < until:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_EVERY_S)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()
        # Connections that are left, or were accepted meanwhile, would outlive their loop.
        for _ in range(_LAST_TURNS):
            for connection in list(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)


@contextmanager
def listening(app: Any, *, at: str = "127.0.0.1", **options: Any) -> Iterator[str]:
    """Serve `app` on a free port of an address, with uvicorn's options; gives host and port."""
    with socket.create_server((at, 0)) as listener:
        # asyncio sets it only where the socket names its protocol; else each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        usual = {"log_level": "warning", "access_log": False, "timeout_keep_alive": _IDLE_S}
        server = _Server(uvicorn.Config(app, **usual | options))
        # A loop of its own: uvicorn would take the policy's, which pytest's warnings end.
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield f"{at}:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()


@contextmanager
def connected(address: str, timeout_s: float = 5) -> Iterator[socket.socket]:
    """Connect to a server; `timeout_s` is of each call of the socket."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        yield connection
