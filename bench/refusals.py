"""Measure the CPU of requests that are refused, or cost no points: `python -m bench.refusals`.

Beside them stand the cheapest requests that are charged, and those that are refused because nothing
is left (429): no price makes a request cheaper than that. Long ones count as several requests of
their address, by their bytes. CPU is that of the API, its documents' process and PostgreSQL.
docs/protection.md quotes it.
"""

import argparse
import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.cpu_clock import CpuClock, database_processes
from bench.serving import ROOT, Served, print_table, served
from web.http.address_bounds import LIKE_A_REQUEST
from web.limits.look_up_turns import UNKNOWN_AT_ONCE, UNKNOWN_PER_S

TIMES = 1000
MOST_RATIO = 2.0
"""How many times the CPU of a 429 what costs no points may take, for each request that it counts as."""
_ACTIVITIES = 3000
_PLENTY = {
    "REQUEST_BUCKET_IP": "1000000000", "REQUEST_REFILL_IP_PER_S": "1000000000",
    "COST_BUCKET_USER": "2000000000", "COST_BUCKET_IP": "10", "COST_REFILL_IP_PER_S": "0.000001",
    "DATABASE_TIME_USER_MS": "2000000000",
}  # fmt: skip
"""Only a signed-out caller's points end."""
_JSON = "content-type: application/json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request; `number` makes each another one. `pays`: it costs points, or has a rate.

    `most` is how many may be sent.
    """

    name: str
    line: str
    fields: tuple[str, ...] = ()
    body: bytes | None = None
    pays: bool = False
    is_429: bool = False
    most: int = 10**9

    def written(self, number: int) -> bytes:
        fields = [each.replace("$number", str(number)) for each in ("host: x", *self.fields)]
        if self.body is not None:
            fields.append(f"content-length: {len(self.body)}")
        line = self.line.replace("$number", str(number))
        return "\r\n".join([f"{line} HTTP/1.1", *fields, "", ""]).encode() + (self.body or b"")


def kinds(token: str) -> list[Kind]:
    """Make the kinds; `token` is of a caller whose points do not end."""
    own = f"authorization: Bearer {token}"
    long_way = "x-request-id: a-request-of-its-own"
    name = json.dumps({"query": "{ __typename }"}).encode()
    left = json.dumps({"query": "{ rateLimit { remaining } }"}).encode()
    made_up = "authorization: Bearer $number"
    viewer = json.dumps({"query": "{ athletes(first: 1) { nodes { id } } }"}).encode()
    invalid = json.dumps({"query": "{ nothing }"}).encode()
    post = "POST /graphql"
    return [
        Kind("an answer at hand (1 point)", post, (_JSON, own), name, pays=True),
        Kind("the long way (7 points)", post, (_JSON, own, long_way), name, pays=True),
        Kind("a row (10 points)", post, (_JSON, own, long_way), viewer, pays=True),
        Kind("an invalid document (7 points)", post, (_JSON, own), invalid, pays=True),
        Kind("JSON that ends early (7 points)", post, (_JSON, own), name[:-1], pays=True),
        Kind("429: no points left", post, (_JSON, long_way), left, is_429=True),
        Kind("405: another method", "PATCH /graphql", (own,)),
        Kind("406: another type", "GET /graphql?query={__typename}", (own, "accept: image/png")),
        Kind("406: no coding", post, (_JSON, own, "accept-encoding: *;q=0"), name),
        Kind("415: no JSON", post, ("content-type: text/plain", own), name),
        Kind("403: of another site", post, (_JSON, "cookie: a=b", "origin: http://y"), name),
        Kind("413: a body too long", post, (_JSON, own, "content-length: 9999999")),
        Kind("414: a URL too long", f"GET /graphql?query={'a' * 70_000}"),
        Kind("431: too many fields", post, tuple(f"a{n}: b" for n in range(210))),
        Kind("431: a head too long", post, (f"a: {'b' * 140_000}",)),
        Kind("400: a second host", post, ("host: y",)),
        Kind("400: no HTTP", "?"),
        Kind("404: no such path", "GET /nothing/$number"),
        Kind("405: another method of a route", "PATCH /healthz"),
        Kind("404: a link that is made up", "GET /originals/$number"),
        Kind("404: no stream", "GET /graphql/stream?token=$number"),
        Kind("404: no such webhook", "POST /strava/webhook/no", (_JSON,), b"{}"),
        Kind("401: no token", post, (_JSON, "authorization: Basic $number"), name),
        Kind("401: a token that is made up", post, (_JSON, made_up), name, pays=True, most=UNKNOWN_AT_ONCE),
        Kind("204: a preflight", "OPTIONS /graphql", ("origin: http://y", own)),
        Kind("303: to the page", "GET /graphql", ("accept: text/html",)),
        Kind("sign-out without a session", "POST /auth/sign-out", (_JSON,), b"{}"),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".local-bench-refusals")
    parser.add_argument("--port", default="4230")
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args()
    rows, most_ms, free_ms = [], 0.0, {}
    with served(options.home, _ACTIVITIES, PORT=options.port, **_PLENTY) as server:
        cpu_s = _clock_of(server)
        for kind in kinds(server.token):
            times = min(options.times, int(0.9 * kind.most))
            status, ms = _measured(server, kind, times, cpu_s)
            count = 1 + len(kind.written(0)) / LIKE_A_REQUEST
            rows.append([kind.name, status, f"{ms:.3f}", f"{count:.1f}", f"{ms / count:.3f}"])
            print(*rows[-1], file=sys.stderr, flush=True)
            if kind.is_429:
                most_ms = MOST_RATIO * ms
            elif not kind.pays:
                free_ms[kind.name] = ms / count
    print_table(["request", "status", "ms of CPU", "counts as", "ms for each"], rows)
    print(f"tokens that are made up are looked up {UNKNOWN_PER_S} times a second for an address")
    dear = [name for name, ms in free_ms.items() if ms > most_ms]
    print(f"wanted: none without points takes more than {most_ms:.3f} ms; such: {dear or 'none'}")
    return int(bool(dear))


def _clock_of(server: Served) -> Callable[[], float]:
    clock = CpuClock()

    def cpu_s() -> float:
        api = [psutil.Process(pid) for pid in server.pids]
        helpers = [child for each in api for child in each.children(recursive=True)]
        return clock.total_s((*api, *helpers, *database_processes(server.pgdata)))

    return cpu_s


def _measured(
    server: Served, kind: Kind, times: int, cpu_s: Callable[[], float]
) -> tuple[str, float]:
    """Send a kind one after the other; gives the last status and milliseconds of CPU for each."""
    address = urlsplit(server.graphql)
    place = (str(address.hostname), int(address.port or 0))
    connection: socket.socket | None = None
    status, before_s = "", 0.0
    for number in range(-times // 10, times):
        if number == 0:
            before_s = cpu_s()
        if connection is None:
            connection = socket.create_connection(place, timeout=20)
        connection.sendall(kind.written(number))
        status, goes_on = _answer(connection)
        if not goes_on:
            connection.close()
            connection = None
    return status, 1000 * (cpu_s() - before_s) / times


def _answer(connection: socket.socket) -> tuple[str, bool]:
    """Read an answer; gives its status, and whether the connection goes on."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = connection.recv(65536)
        if not part:
            return "closed", False
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
    left = int(fields.get(b"content-length", b"0")) - len(body)
    while left > 0:
        part = connection.recv(65536)
        if not part:
            break
        left -= len(part)
    return lines[0].split()[1].decode(), fields.get(b"connection") != b"close"


if __name__ == "__main__":
    sys.exit(main())
