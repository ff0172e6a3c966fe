"""Print the results of `make bench` as Markdown tables: `python -m bench.report [results.json]`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.serving import BENCH, MAX_MEMORY_MB, print_table

Runs = list[dict[str, Any]]
NODE_PEERS = ("mercurius", "yoga", "postgraphile")
BEST_PEER_RATIO = 1.3
CACHE_RATIOS = {"Q2": 3, "Q3": 8, "Q4": 8}
STRAWBERRY_RATIO = 20
LIMIT_RATIOS = {"Q1": 0.25, "Q2": 0.5, "Q3": 0.6, "Q4": 0.75}


class Medians:
    """The median of each figure of a server over its runs of a query."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.servers = list(dict.fromkeys(run["server"] for run in runs))
        self.queries = sorted({run["query"] for run in runs})

    def runs_of(self, server: str, query: str) -> Runs:
        return [run for run in self.runs if run["server"] == server and run["query"] == query]

    def figure(self, server: str, query: str, name: str) -> float | None:
        """The median; None if the server did not get the query."""
        values = [run[name] for run in self.runs_of(server, query) if run.get(name) is not None]
        return median(values) if values else None


def print_report(runs: Runs) -> None:
    medians = Medians(runs)
    print_table(
        [
            "Query",
            "Server",
            "runs",
            "req/s (min to max)",
            "p50 ms",
            "p99 ms",
            "CPU ms",
            "PostgreSQL CPU ms",
            "Redis CPU ms",
            "memory MB",
            "SQL",
            "errors",
        ],
        [
            _row(medians, server, query)
            for query in medians.queries
            for server in medians.servers
            if medians.runs_of(server, query)
        ],
    )
    if ratios := list(_ratios(medians)):
        print_table(["Figure", "wanted", "measured", "met"], ratios)


def _row(medians: Medians, server: str, query: str) -> list[object]:
    runs = medians.runs_of(server, query)
    rps = [run["rps"] for run in runs]

    def figure(name: str, digits: int) -> str:
        value = medians.figure(server, query, name)
        return "" if value is None else f"{value:,.{digits}f}"

    return [
        query,
        server,
        len(runs),
        f"{figure('rps', 0)} ({min(rps):,.0f} to {max(rps):,.0f})",
        figure("p50", 2),
        figure("p99", 2),
        figure("cpuMs", 3),
        figure("pgCpuMs", 3),
        figure("helpersCpuMs", 3),
        figure("rssMB", 0),
        figure("sql", 2),
        "YES" if any(run["bad"] for run in runs) else "none",
    ]


def _ratios(medians: Medians) -> Iterator[list[str]]:
    """Rows of the targets: figure, wanted, measured, whether it is met."""
    for query in medians.queries:
        ours = medians.figure("pacegraph", query, "rps")
        if ours is None:
            continue
        peers = {name: medians.figure(name, query, "rps") for name in NODE_PEERS}
        best = (
            max((rps, name) for name, rps in peers.items() if rps) if any(peers.values()) else None
        )
        if best and query != "Q1":
            yield _least(
                f"{query} req/s ÷ best Node peer ({best[1]})", BEST_PEER_RATIO, ours / best[0]
            )
            if cached := medians.figure("pacegraph-cache", query, "rps"):
                yield _least(
                    f"{query} from the cache, req/s ÷ best Node peer",
                    CACHE_RATIOS[query],
                    cached / best[0],
                )
        if limit := medians.figure("limit", query, "rps"):
            yield _least(f"{query} req/s ÷ one-statement limit", LIMIT_RATIOS[query], ours / limit)
        if (strawberry := medians.figure("strawberry", query, "rps")) and query != "Q1":
            yield _least(
                f"{query} req/s ÷ ordinary Strawberry", STRAWBERRY_RATIO, ours / strawberry
            )
        p99s = [p99 for name in NODE_PEERS if (p99 := medians.figure(name, query, "p99"))]
        if p99s:
            yield _most(
                f"{query} p99 ms (wanted: the best peer's)",
                min(p99s),
                medians.figure("pacegraph", query, "p99"),
            )
    if memory := [run["rssMB"] for run in medians.runs if run["server"].startswith("pacegraph")]:
        yield _most("memory of the API process, MB, most of all runs", MAX_MEMORY_MB, max(memory))


def _least(figure: str, wanted: float, measured: float) -> list[str]:
    return [figure, f"≥ {wanted:g}", f"{measured:.2f}", "yes" if measured >= wanted else "NO"]


def _most(figure: str, wanted: float, measured: float | None) -> list[str]:
    assert measured is not None
    return [figure, f"≤ {wanted:.4g}", f"{measured:.2f}", "yes" if measured <= wanted else "NO"]


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH / "results.json"
    print_report(json.loads(file.read_text())["runs"])
