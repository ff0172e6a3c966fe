"""Measure the throughput of two API processes on two cores beside one on one core.

`python -m bench.two_processes [--rounds 3] [--seconds 6] [--cache on]`. PostgreSQL, Redis and the clients
(a wrk with 8 connections for each process) are on the same cores, and take more of them than the API does.
So everything of the one process is held on one core: the ratio tells what one more core with one more
process brings. Beside it stands what two processes bring on the same two cores, and what they would
where the rest has machines of its own, by the CPU of an API process a request. Needs Linux.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil

from bench.serving import QUERIES, ROOT, Served, is_ready, print_table, require_tools, served, wrk
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
        cores = sorted(os.sched_getaffinity(0))[:2]
        rounds = [
            (
                _on(cores[:1], [first], options.seconds),
                _on(cores, [first], options.seconds),
                _on(cores, [first, second], options.seconds),
            )
            for _ in range(options.rounds)
        ]
    names = ("one process on one core", "one process on two cores", "two processes on two cores")
    table = [
        (
            name,
            f"{median(each[at][0] for each in rounds):,.0f}",
            f"{median(each[at][1] for each in rounds):.3f}",
        )
        for at, name in enumerate(names)
    ]
    print_table(["Q2", "requests/s", "CPU of the API a request, ms"], table)
    ratio = median(two[0] / one[0] for one, _, two in rounds)
    same = median(two[0] / one[0] for _, one, two in rounds)
    apart = median(2 * one[1] / two[1] for _, one, two in rounds)
    print(f"a second core with a second process: {ratio:.2f} times (wanted: at least {LEAST})")
    print(f"a second process on the same two cores: {same:.2f} times")
    print(f"by the CPU of an API process a request: {apart:.2f} times")
    return int(ratio < LEAST)


def _on(cores: list[int], servers: list[Served], seconds: float) -> tuple[float, float]:
    """Ask with everything held on some cores."""
    before = os.sched_getaffinity(0)
    processes = [psutil.Process(), *(each for server in servers for each in _all_of(server))]
    try:
        for each in processes:
            with suppress(psutil.NoSuchProcess):  # PostgreSQL's come and go
                each.cpu_affinity(cores)
        return _load(servers, seconds)
    finally:
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.cpu_affinity(list(before))


def _all_of(server: Served) -> list[psutil.Process]:
    """List the API, PostgreSQL and Redis behind it, with their children."""
    postmaster = int((Path(server.pgdata) / "postmaster.pid").read_text().split("\n", 1)[0])
    tops = [psutil.Process(pid) for pid in (*server.pids, postmaster, server.redis_pid)]
    return [each for top in tops for each in (top, *top.children(recursive=True))]


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
        while not is_ready(url):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("bench: the second API process did not start")
            time.sleep(0.1)
        yield replace(first, graphql=f"{url}/graphql", pids=[process.pid])
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
