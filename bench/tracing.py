"""Measure what tracing costs: Q2 with OTLP_ENDPOINT set beside Q2 without, in turns.

`python -m bench.tracing [--rounds 5] [--seconds 6] [--ratio 0.05]`. Counted is the CPU of the API a
request, which load of other programs changes less than time. A collector of its own takes the traces and
forgets them. Fails above 1.05 times.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from bench.serving import QUERIES, ROOT, print_table, require_tools, served, wrk
from local.bench_serve import DEFAULT_ACTIVITIES

MOST = 1.05
WARM_S = 2


class _Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken = 0

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.rfile.read(length)
        type(self).taken += length
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collector() -> Iterator[str]:
    """Run a collector; gives its OTLP_ENDPOINT."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def main() -> int:
    require_tools("wrk")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--ratio", default="", help="TRACES_RATIO; empty: its default")
    parser.add_argument("--activities", type=int, default=DEFAULT_ACTIVITIES)
    options = parser.parse_args()
    home = ROOT / f".local-bench-{options.activities}"
    with collector() as endpoint:
        on = {"OTLP_ENDPOINT": endpoint}
        if options.ratio:
            on["TRACES_RATIO"] = options.ratio
        rounds = [
            [_cpu_ms(home, options.activities, options.seconds, each) for each in ({}, on)]
            for _ in range(options.rounds)
        ]
    if not _Collector.taken:
        raise SystemExit("bench: no trace arrived")
    off_ms, on_ms = (median(each) for each in zip(*rounds, strict=True))
    ratio = median(traced / plain for plain, traced in rounds)
    head = ["Q2", "CPU of the API a request, ms", f"traced ÷ not (≤ {MOST})"]
    rows = [("not traced", f"{off_ms:.4f}", ""), ("traced", f"{on_ms:.4f}", f"{ratio:.3f}")]
    print_table(head, rows)
    return int(ratio > MOST)


def _cpu_ms(home: Path, activities: int, seconds: float, environment: dict[str, str]) -> float:
    with served(home, activities, **environment) as server:
        wrk(server, QUERIES / "Q2.graphql", seconds=WARM_S, rotate=True)
        before_s = server.cpu_s()
        load = wrk(server, QUERIES / "Q2.graphql", seconds=seconds, rotate=True)
        return (server.cpu_s() - before_s) * 1000 / load.requests


if __name__ == "__main__":
    sys.exit(main())
