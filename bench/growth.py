"""Measure how cost grows with the athletes of one answer, and with the activities in the database.

`python -m bench.growth [--rows 100000 1000000 …]`; without `--rows` only the first. The first run
with a number of rows is slow, because it writes them. Databases are kept in .local-bench-ACTIVITIES
beside .local-bench.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.serving import QUERIES, ROOT, print_table, require_tools, served, wrk

ATHLETES = (1, 10, 100)
SECONDS = 4
MAX_SLOWDOWN = 1.5
QUERY = (
    "{ athletes(first: %d) { nodes { id firstName lastName activities(first: 20) { nodes { "
    "id name sportType startedAt distanceMeters movingTimeSeconds averageHeartRate "
    "elevationGainMeters } } } } }"
)


def main() -> int:
    require_tools("wrk")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[], help="numbers of activities in the database"
    )
    rows = parser.parse_args().rows
    _print_growth_with_athletes()
    return _print_growth_with_rows(rows) if rows else 0


def _print_growth_with_athletes() -> None:
    table = []
    with served() as server, tempfile.TemporaryDirectory() as folder:
        for athletes in ATHLETES:
            file = Path(folder) / f"{athletes}.graphql"
            file.write_text(QUERY % athletes)
            wrk(server, file, seconds=1, connections=1)
            cpu = server.cpu_s()
            load = wrk(server, file, seconds=SECONDS, connections=1)
            cpu_ms = (server.cpu_s() - cpu) * 1000 / load.requests
            figures = (load.p50_ms, load.p50_ms / athletes, cpu_ms, cpu_ms / athletes)
            texts = (
                f"{figure:.{digits}f}" for figure, digits in zip(figures, (2, 3, 3, 4), strict=True)
            )
            table.append((athletes, athletes * 20, *texts))
    print_table(
        [
            "athletes",
            "activities",
            "ms",
            "ms an athlete",
            "CPU of the API, ms",
            "CPU an athlete, ms",
        ],
        table,
    )


def _print_growth_with_rows(rows: list[int]) -> int:
    table: list[tuple[str, ...]] = []
    times_ms = []
    for activities in rows:
        with served(ROOT / f".local-bench-{activities}", activities) as server:
            wrk(server, QUERIES / "Q2.graphql", seconds=5, connections=1, rotate=True)
            alone = wrk(server, QUERIES / "Q2.graphql", seconds=SECONDS, connections=1, rotate=True)
            many = wrk(server, QUERIES / "Q2.graphql", seconds=SECONDS, rotate=True)
        times_ms.append(alone.p50_ms)
        ratio = alone.p50_ms / times_ms[0]
        table.append(
            (
                f"{activities:,}",
                f"{alone.p50_ms:.2f}",
                f"{ratio:.2f}",
                f"{many.rps:,.0f}",
                f"{many.p99_ms:.1f}",
            )
        )
    head = ["activities in the database", "Q2 ms", "ratio", "Q2 req/s at 16 connections", "p99 ms"]
    print_table(head, table)
    print(f"Wanted: a ratio of at most {MAX_SLOWDOWN}\n")
    return int(max(times_ms) > MAX_SLOWDOWN * times_ms[0])


if __name__ == "__main__":
    sys.exit(main())
