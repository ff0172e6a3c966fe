"""Run all benchmarks except the comparison: `make bench-more`. Exits with 1 if one fails."""

import sys

from bench import best_efforts, growth, large_answer, memory, start_up, streams


def main() -> int:
    failures = 0
    for measure in (best_efforts, start_up, large_answer, streams, growth, memory):
        print(
            f"### {measure.__name__.removeprefix('bench.').replace('_', ' ').capitalize()}\n",
            flush=True,
        )
        failures += measure.main()
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
