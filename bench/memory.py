"""Measure the memory of the API process over many requests: `python -m bench.memory`.

Requests of 10,000 distinct documents in turn, a million or as many as 300 s take: those that are
not kept are read and planned anew, some hundred a second. `--requests`, `--documents` and
`--seconds` choose others. Each slice goes on where the last one ended. Our modules are compiled, as
those of an installed package are.
"""

import argparse
import sys
from time import monotonic

from bench.serving import MAX_MEMORY_MB, QUERIES, print_table, require_tools, served, wrk

REQUESTS, DOCUMENTS = 1_000_000, 10_000
SECONDS = 300
SLICE_S = 10
FLAT_MB = 5
"""A larger difference between the first tenth of the requests and the last counts as growth."""
_WARM_SHARE = 0.1


def main(requests: int = REQUESTS, documents: int = DOCUMENTS, seconds: float = SECONDS) -> int:
    require_tools("wrk")
    rows, sent = [], 0
    with served(PYTHONDONTWRITEBYTECODE="") as server:
        rows.append((0, server.memory_mb(), server.helpers_mb()))
        until = monotonic() + seconds
        while sent < requests and monotonic() < until:
            load = wrk(
                server,
                QUERIES / "Q2.graphql",
                seconds=SLICE_S,
                rotate=True,
                documents=documents,
                after=sent,
            )
            sent += load.requests
            rows.append((sent, server.memory_mb(), server.helpers_mb()))
            print(f"{sent:,} requests: {rows[-1][1]:.1f} MB", file=sys.stderr, flush=True)
    print_table(
        ["requests", "memory MB", "of its child processes"],
        [(f"{at:,}", f"{memory:.1f}", f"{helpers:.1f}") for at, memory, helpers in rows],
    )
    warm = next(memory for at, memory, _ in rows if at >= _WARM_SHARE * sent)
    growth, most = rows[-1][1] - warm, max(memory for _, memory, _ in rows)
    print(f"{sent:,} requests of {documents:,} documents")
    print(f"grew by {growth:.1f} MB after the first tenth (wanted: at most {FLAT_MB}),")
    print(f"{most:.0f} MB at most (wanted: at most {MAX_MEMORY_MB})\n")
    return int(growth > FLAT_MB or most > MAX_MEMORY_MB)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    sys.exit(main(options.requests, options.documents, options.seconds))
