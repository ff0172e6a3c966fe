"""Measure the short way of a request, step by step: `python -m bench.way`.

Connections without sockets send a constant, then Q2 of 1,000 athletes in turn, from the cache and
not, to an application in this process; PostgreSQL and Redis are those of `pacegraph bench-serve`. A
step is the median of its calls, so that other work on the machine counts little, times its calls a
request. Steps include those that they call, and 0.2 µs of measuring; what waits is timed while it
does not.
"""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import redirect_stderr
from inspect import iscoroutinefunction
from itertools import cycle
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from types import coroutine
from typing import Any

import orjson
import psutil
import uvicorn
import uvloop

import logs
from bench.serving import QUERIES, Served, print_table, served
from db.driver import DriverConnections
from graph.at_hand import AnswersAtHand
from graph.cache.data_versions import DataVersions
from graph.cache.root_field_cache import RootFieldCache
from graph.shared_fetches import SharedFetches
from logs.handlers import LineForm
from settings import Settings, load_settings
from web import create_app
from web.http.request_log import LinesOfAnswers
from web.http.server import Server, tune_process
from web.http.short_way import ShortWayHttp
from web.http.write_batching import GatheredWrites
from web.limits.cost_budget import CallerBudget
from web.limits.fair_queue import FairQueue
from web.protocols import short_fetch, short_way
from web.protocols.short_fetch import LaterAnswers
from web.protocols.short_way import GraphQLShortWay

REQUESTS, CONNECTIONS = 6000, 16
_WARM = 4000
_LEAST_CALLS = 100
_COLUMNS = (("a constant", "Q1", "on"), ("Q2 from the cache", "Q2", "on"), ("Q2", "Q2", "off"))
"""Names, queries, and whether the cache is on."""
_STEPS: tuple[tuple[str, tuple[tuple[Any, str], ...]], ...] = (
    ("read: from the socket's bytes to an answer or a wait", ((ShortWayHttp, "data_received"),)),
    ("· the same head, an idle connection, within its pace", ((ShortWayHttp, "_is_idle"),)),
    ("· flags, caller, query", ((GraphQLShortWay, "begin"),)),
    ("·· the query of these bytes", ((GraphQLShortWay, "_query"),)),
    ("·· join the next read of versions", ((DataVersions, "tell"),)),
    ("·· charge, and join the next round trip", ((LaterAnswers, "_fetch"),)),
    ("··· join the next round trip", ((SharedFetches, "join"),)),
    ("read versions: a share of a round trip", ((DataVersions, "_read_now"),)),
    ("fetch: a share of a round trip", ((SharedFetches, "_fetch"),)),
    ("· the driver, without its reading of the socket", ((DriverConnections, "fetch_rows"),)),
    ("· rows to JSON", ((SharedFetches, "_tell_of"),)),
    ("answer: to the bytes", ((GraphQLShortWay, "_finish"), (LaterAnswers, "_send"))),
    ("· a slot of the fair queue", ((FairQueue, "try_acquire"),)),
    ("· the answer", ((AnswersAtHand, "answer"), (AnswersAtHand, "ready"))),
    ("·· find it in the cache", ((RootFieldCache, "at_hand"),)),
    ("·· charge the budget", ((CallerBudget, "charge_now"),)),
    ("· fields, log line", ((short_way, "written"), (short_fetch, "written"))),
    ("·· the log line", ((LinesOfAnswers, "write"),)),
    ("··· its bytes", ((LineForm, "write"),)),
    ("send: join the parts", ((GatheredWrites, "writelines"),)),
    ("· at the end of the turn", ((GatheredWrites, "flush"),)),
)
"""Names, and what does it."""
_WHOLE = ("the CPU of this process", "the CPU of PostgreSQL")

Times = defaultdict[str, list[float]]


def main() -> int:
    with (
        Path(os.devnull).open("w") as nowhere,
        redirect_stderr(nowhere),  # lines of the log
        served(CACHE="on") as server,
    ):
        settings = _settings_of(server)
        logs.set_up(settings, "api")
        found = [
            uvloop.run(_measure(settings.model_copy(update={"cache": cache}), server, query))
            for _, query, cache in _COLUMNS
        ]
    names = (*_WHOLE, *(name for name, _ in _STEPS))
    rows = [(name, *(_microseconds(times[name]) for times in found)) for name in names]
    print_table(["step, microseconds a request", *(name for name, _, _ in _COLUMNS)], rows)
    return 0


def _settings_of(server: Served) -> Settings:
    """The settings of the API process that runs."""
    environment = psutil.Process(server.pids[0]).environ()
    names = {name for name in Settings.model_fields if name.upper() in environment}
    return load_settings(None, **{name: environment[name.upper()] for name in names})


def _microseconds(times: Sequence[float]) -> str:
    """Write what a step takes of a request; nothing for what few requests need."""
    if not times:
        return ""
    whole_s = times[0] if len(times) == 1 else median(times) * len(times) / REQUESTS
    return f"{1e6 * whole_s:.1f}" if len(times) == 1 or len(times) >= _LEAST_CALLS else ""


async def _measure(settings: Settings, server: Served, query: str) -> Times:
    """Time the steps of a query."""
    app = create_app(settings)
    tune_process()
    config = uvicorn.Config(app, http=ShortWayHttp, log_config=None, access_log=False)
    config.load()
    web = Server(config, settings.subscription_send_timeout_s)
    web.lifespan = config.lifespan_class(config)
    await web.lifespan.startup()
    await web.on_tick(0)  # makes the field `date`
    requests = cycle(_requests(server, query))
    connections = [_Connection(web, requests) for _ in range(CONNECTIONS)]
    await _send(connections, _WARM)
    before = process_time(), server.postgres_cpu_s()
    await _send(connections, REQUESTS)
    after = process_time(), server.postgres_cpu_s()
    times, undo = _timed()
    await _send(connections, REQUESTS)
    undo()
    for name, began_s, ended_s in zip(_WHOLE, before, after, strict=True):
        times[name] = [(ended_s - began_s) / REQUESTS]
    await web.lifespan.shutdown()
    return times


def _timed() -> tuple[Times, Callable[[], None]]:
    """Time every step from now on. Returns the seconds, and what ends it."""
    times: Times = defaultdict(list)
    originals = []
    for step, places in _STEPS:
        for owner, name in places:
            call = getattr(owner, name)
            originals.append((owner, name, call))
            timing = _timing_parts if iscoroutinefunction(call) else _timing
            setattr(owner, name, timing(call, times[step]))

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


def _timing_parts(
    call: Callable[..., Coroutine[Any, Any, Any]], seconds: list[float]
) -> Callable[..., Any]:
    """Time what a coroutine does, without its waits."""

    @coroutine
    def timed(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        work, sent, whole = call(*arguments, **named), None, 0.0
        while True:
            began = perf_counter()
            try:
                waited_for = work.send(sent)
            except StopIteration as end:
                seconds.append(whole + perf_counter() - began)
                return end.value
            whole += perf_counter() - began
            sent = yield waited_for

    return timed


async def _send(connections: Sequence["_Connection"], requests: int) -> None:
    await asyncio.gather(*(each.send(requests // CONNECTIONS) for each in connections))


def _requests(server: Served, query: str) -> list[bytes]:
    """Write a query's requests: those of 1,000 athletes, if it asks for one."""
    text = (QUERIES / f"{query}.graphql").read_text()
    ids = Path(server.ids).read_text().split() if "$id" in text else [None]
    return [_request(server, text, {"id": each} if each else {}) for each in ids]


def _request(server: Served, text: str, variables: dict[str, str]) -> bytes:
    body = orjson.dumps({"query": text, "variables": variables})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {server.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Transport):
    """Sends the next of some requests, each when the one before was answered."""

    def __init__(self, server: Server, requests: Iterator[bytes]) -> None:
        super().__init__()
        self._loop, self._requests = asyncio.get_running_loop(), requests
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
            self._loop.call_soon(self._protocol.data_received, next(self._requests))
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
