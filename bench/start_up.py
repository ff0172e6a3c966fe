"""Measure the time from the start of the API process to its first answer on /healthz.

Run it with `python -m bench.start_up`. Our modules are compiled, as those of an installed package are.
"""

import sys
from statistics import median

from bench.serving import served

ROUNDS = 5
MAX_S = 0.7


def main() -> int:
    times_s = []
    for _ in range(ROUNDS):
        with served(PYTHONDONTWRITEBYTECODE="") as server:
            times_s.append(server.start_up_s)
    figures = f"median {median(times_s):.2f} s, {min(times_s):.2f} to {max(times_s):.2f}"
    print(f"start-up of the API process: {figures} (wanted: at most {MAX_S} s)\n")
    return int(median(times_s) > MAX_S)


if __name__ == "__main__":
    sys.exit(main())
