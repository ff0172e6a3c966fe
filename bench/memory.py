"""Measure the memory of the API process over 200,000 requests: `python -m bench.memory`.

The requests have 2,000 distinct documents.
"""

import sys

from bench.serving import MAX_MEMORY_MB, QUERIES, print_table, require_tools, served, wrk

REQUESTS = 200_000
SLICE_S = 5
FLAT_MB = 5
"""A larger difference between the first 20,000 requests and the last counts as growth."""
_WARM_REQUESTS = 20_000


def main() -> int:
    require_tools("wrk")
    rows, requests = [], 0
    with served() as server:
        rows.append((0, server.memory_mb()))
        while requests < REQUESTS:
            load = wrk(
                server, QUERIES / "Q2.graphql", seconds=SLICE_S, rotate=True, script="documents"
            )
            requests += load.requests
            rows.append((requests, server.memory_mb()))
    print_table(["requests", "memory MB"], [(f"{at:,}", f"{memory:.1f}") for at, memory in rows])
    warm = next(memory for at, memory in rows if at >= _WARM_REQUESTS)
    growth, most = rows[-1][1] - warm, max(memory for _, memory in rows)
    print(
        f"grew by {growth:.1f} MB after the first {_WARM_REQUESTS:,} requests "
        f"(wanted: at most {FLAT_MB}),"
    )
    print(f"{most:.0f} MB at most (wanted: at most {MAX_MEMORY_MB})\n")
    return int(growth > FLAT_MB or most > MAX_MEMORY_MB)


if __name__ == "__main__":
    sys.exit(main())
