"""Print the results of `make bench` as Markdown tables: `python -m bench.report [results.json]`."""

import json
import sys
from pathlib import Path

from bench.medians import Medians, Runs
from bench.ratios import ratios_of
from bench.serving import BENCH, print_table


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
    if ratios := list(ratios_of(medians)):
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


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else BENCH / "results.json"
    print_report(json.loads(file.read_text())["runs"])
