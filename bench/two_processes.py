"""Measure the throughput of two API processes beside one, on the same PostgreSQL and Redis.

`python -m bench.two_processes [--rounds 3] [--seconds 6] [--cache on]`. Each process has a wrk of its own,
with 8 connections, on this machine: clients, PostgreSQL and Redis take CPU from them. So the ratio
that more machines would give is printed, too: by the CPU of an API process a request.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import httpx
import psutil

from bench.serving import QUERIES, ROOT, Served, print_table, require_tools, served, wrk
from local.bench_serve import DEFAULT_ACTIVITIES

LEAST = 1.6
CONNECTIONS = 8
_SECOND_PORT = 4201
_READY_WITHIN_S = 60


def main() -> int:
    require_tools("wrk")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--cache", choices=["on", "off"], default="off")
    parser.add_argument("--activities", type=int, default=DEFAULT_ACTIVITIES)
    options = parser.parse_args()
    home = ROOT / f".local-bench-{options.activities}"
    with (
        served(home, options.activities, CACHE=options.cache) as first,
        _beside(first) as second,
    ):
        _load([first, second], 2)
        rounds = [
            (_load([first], options.seconds), _load([first, second], options.seconds))
            for _ in range(options.rounds)
        ]
    ratio = median(two[0] / one[0] for one, two in rounds)
    by_cpu = median(2 * one[1] / two[1] for one, two in rounds)
    table = [
        (
            name,
            *(f"{median(each[at][part] for each in rounds):,.{digits}f}" for part, digits in parts),
        )
        for at, (name, parts) in enumerate(
            (each, ((0, 0), (1, 3))) for each in ("one process", "two processes")
        )
    ]
    print_table(["Q2", "requests/s", "CPU of the API a request, ms"], table)
    print(f"two ÷ one: {ratio:.2f} (wanted: at least {LEAST}; clients are on this machine);")
    print(f"by the CPU of an API process a request: {by_cpu:.2f}")
    return int(ratio < LEAST)


def _load(servers: list[Served], seconds: float) -> tuple[float, float]:
    """Ask all at once; returns requests a second, and their CPU a request in ms."""
    before_s = sum(each.cpu_s() for each in servers)
    with ThreadPoolExecutor(len(servers)) as pool:
        loads = list(
            pool.map(
                lambda each: wrk(
                    each,
                    QUERIES / "Q2.graphql",
                    seconds=seconds,
                    connections=CONNECTIONS,
                    rotate=True,
                ),
                servers,
            )
        )
    cpu_s = sum(each.cpu_s() for each in servers) - before_s
    return sum(each.rps for each in loads), 1000 * cpu_s / sum(each.requests for each in loads)


@contextmanager
def _beside(first: Served) -> Iterator[Served]:
    """Run a second API process with the settings of the first one."""
    command = [sys.executable, "-m", "cli", "api", "--port", str(_SECOND_PORT)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=psutil.Process(first.pids[0]).environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{_SECOND_PORT}"
    try:
        until = time.monotonic() + _READY_WITHIN_S
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("bench: the second API process did not start")
            time.sleep(0.1)
        yield replace(first, graphql=f"{url}/graphql", pids=[process.pid])
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
