"""Measure the short way of a request, step by step: `python -m bench.way`.

Connections without sockets send a constant, then Q2 from the cache, to an application in this
process; PostgreSQL and Redis are those of `pacegraph bench-serve`. Medians of many requests, so that
other work on the machine counts little. Steps include those that they call, and 0.2 µs of measuring.
"""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import orjson
import psutil
import uvicorn
import uvloop

import logs
from bench.serving import QUERIES, Served, print_table, served
from graph.at_hand import AnswersAtHand
from graph.cache.data_versions import DataVersions
from graph.cache.root_field_cache import RootFieldCache
from logs.handlers import JsonHandler
from settings import Settings, load_settings
from web import create_app
from web.http.server import Server, tune_process
from web.http.short_way import ShortWayHttp
from web.http.write_batching import GatheredWrites
from web.limits.cost_budget import CallerBudget
from web.limits.fair_queue import FairQueue
from web.protocols import short_way
from web.protocols.short_way import GraphQLShortWay

REQUESTS, CONNECTIONS = 4000, 16
_WARM = 400
_STEPS: tuple[tuple[str, Any, str], ...] = (
    ("read: from the socket's bytes to an answer or a wait", ShortWayHttp, "data_received"),
    ("· the same head, an idle connection, within its pace", ShortWayHttp, "_is_idle"),
    ("· flags, caller, query", GraphQLShortWay, "begin"),
    ("·· the query of these bytes", GraphQLShortWay, "_query"),
    ("·· join the next read of versions", DataVersions, "tell"),
    ("answer: from the versions to the bytes", GraphQLShortWay, "_finish"),
    ("· a slot of the fair queue", FairQueue, "try_acquire"),
    ("· the answer", AnswersAtHand, "answer"),
    ("·· find it in the cache", RootFieldCache, "at_hand"),
    ("·· charge the budget", CallerBudget, "charge_now"),
    ("· fields, log line", GraphQLShortWay, "_written"),
    ("·· the log line", short_way, "write_request"),
    ("··· its bytes", JsonHandler, "write_line"),
    ("send: join the parts", GatheredWrites, "writelines"),
    ("· at the end of the turn", GatheredWrites, "flush"),
)
"""Names, and what does it."""

Times = defaultdict[str, list[float]]


def main() -> int:
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stderr(nowhere),  # lines of the log
        served(CACHE="on") as server,
    ):
        settings = _settings_of(server)
        logs.set_up(settings, "api")
        found = uvloop.run(_measure(settings, server))
    rows = [(name, *(_microseconds(times[name]) for times in found)) for name, _, _ in _STEPS]
    print_table(["step, microseconds", "a constant", "Q2 from the cache"], rows)
    return 0


def _settings_of(server: Served) -> Settings:
    """The settings of the API process that runs."""
    environment = psutil.Process(server.pids[0]).environ()
    names = {name for name in Settings.model_fields if name.upper() in environment}
    return load_settings(None, **{name: environment[name.upper()] for name in names})


def _microseconds(times: list[float]) -> str:
    return f"{1e6 * median(times):.1f}" if len(times) > REQUESTS / 2 else ""


async def _measure(settings: Settings, server: Served) -> list[Times]:
    """Time the steps of a constant, and of Q2."""
    app = create_app(settings)
    tune_process()
    config = uvicorn.Config(app, http=ShortWayHttp, log_config=None, access_log=False)
    config.load()
    web = Server(config, settings.subscription_send_timeout_s)
    web.lifespan = config.lifespan_class(config)
    await web.lifespan.startup()
    await web.on_tick(0)  # makes the field `date`
    found = []
    for query in ("Q1", "Q2"):
        connections = [_Connection(web, _request(server, query)) for _ in range(CONNECTIONS)]
        await _send(connections, _WARM)
        times, undo = _timed()
        await _send(connections, REQUESTS)
        undo()
        found.append(times)
    await web.lifespan.shutdown()
    return found


def _timed() -> tuple[Times, Callable[[], None]]:
    """Time every step from now on. Returns the seconds, and what ends it."""
    times: Times = defaultdict(list)
    originals = [(owner, name, getattr(owner, name)) for _, owner, name in _STEPS]
    for step, owner, name in _STEPS:
        setattr(owner, name, _timing(getattr(owner, name), times[step]))

    def undo() -> None:
        for owner, name, original in originals:
            setattr(owner, name, original)

    return times, undo


def _timing(call: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began = perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            seconds.append(perf_counter() - began)

    return timed


async def _send(connections: Sequence["_Connection"], requests: int) -> None:
    await asyncio.gather(*(each.send(requests // CONNECTIONS) for each in connections))


def _request(server: Served, query: str) -> bytes:
    text = (QUERIES / f"{query}.graphql").read_text()
    variables = {"id": server.first_id()} if "$id" in text else {}
    body = orjson.dumps({"query": text, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {server.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Transport):
    """Sends a request as often as wanted, each when the one before was answered."""

    def __init__(self, server: Server, request: bytes) -> None:
        super().__init__()
        self._loop, self._request = asyncio.get_running_loop(), request
        self._left, self._done = 0, self._loop.create_future()
        self._protocol = ShortWayHttp(
            server.config, server.server_state, server.lifespan.state, self._loop
        )
        self._protocol.connection_made(self)

    async def send(self, requests: int) -> None:
        self._left, self._done = requests, self._loop.create_future()
        self._next()
        await self._done

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            self._loop.call_soon(lambda: self._protocol.data_received(self._request))
        else:
            self._done.set_result(None)

    def write(self, data: Any) -> None:
        assert data.startswith(b"HTTP/1.1 200"), data[:500]
        self._next()  # an answer is one write

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""

    def pause_reading(self) -> None:
        """Nothing comes unasked."""

    def resume_reading(self) -> None:
        """Nothing was paused."""


if __name__ == "__main__":
    sys.exit(main())
