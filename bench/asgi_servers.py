"""Compare uvicorn (uvloop, httptools) and granian, one process each, in turns.

Run it with `python -m bench.asgi_servers`. granian is not a dependency: run `.venv/bin/uv pip
install granian` first, or add a folder that contains it to PYTHONPATH.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import sleep

import httpx
from fastapi import FastAPI

from bench.serving import QUERIES, ROOT, Served, print_table, require_tools, served, wrk
from local.generated_secrets import new_encryption_key, new_secret_key
from settings import child_environment, load_settings

PORT = 4201
ROUNDS = 3
SECONDS = 4
COMMON = ["--host", "127.0.0.1", "--port", str(PORT), "--factory", "bench.asgi_servers:application"]
COMMANDS = {
    "uvicorn": [
        "uvicorn",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--no-server-header",
    ],
    "granian": [
        "granian",
        "--interface",
        "asgi",
        "--loop",
        "uvloop",
        "--workers",
        "1",
        "--no-ws",
        "--http",
        "1",
    ],
}


def application() -> FastAPI:
    """The API as `pacegraph api` serves it."""
    import logs
    from web import create_app

    settings = load_settings()
    logs.set_up(settings, "api")
    return create_app(settings)


def main() -> int:
    require_tools("wrk")
    measured: dict[tuple[str, str], list[tuple[float, float, float, float]]] = {}
    with served() as services:
        for _ in range(ROUNDS):
            for name in COMMANDS:
                with _running(name, services) as server:
                    for query in ("Q1", "Q2"):
                        file, rotate = QUERIES / f"{query}.graphql", query == "Q2"
                        wrk(server, file, seconds=1, rotate=rotate)
                        cpu = server.cpu_s()
                        load = wrk(server, file, seconds=SECONDS, rotate=rotate)
                        cpu_ms = (server.cpu_s() - cpu) * 1000 / load.requests
                        figures = (load.rps, load.p99_ms, cpu_ms, server.memory_mb())
                        measured.setdefault((query, name), []).append(figures)
    rows = [
        (
            query,
            name,
            *(
                f"{median(figure):,.{digits}f}"
                for figure, digits in zip(zip(*runs, strict=True), (0, 1, 3, 0), strict=True)
            ),
        )
        for (query, name), runs in sorted(measured.items())
    ]
    print_table(["Query", "Server", "req/s", "p99 ms", "CPU ms", "memory MB"], rows)
    return 0


@contextmanager
def _running(name: str, services: Served) -> Iterator[Served]:
    log = Path(services.logs) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *COMMANDS[name], *COMMON],
            cwd=ROOT,
            env=api_environment(services),
            stdout=output,
            stderr=output,
        )
    try:
        yield replace(
            services, graphql=f"http://127.0.0.1:{PORT}/graphql", pids=await_ready(process)
        )
    finally:
        process.terminate()
        process.wait()


def api_environment(services: Served) -> dict[str, str]:
    """Make the environment of an API over the services of `bench-serve`."""
    return child_environment(
        DATABASE_URL=f"postgresql://postgres@/pacegraph?host={services.pghost}",
        REDIS_URL=f"unix://{Path(services.pgdata).with_name('redis') / 'redis.sock'}?db=0",
        SECRET_KEY=new_secret_key(),
        TOKEN_ENCRYPTION_KEYS=new_encryption_key(),
        STRAVA_CLIENT_ID="1",
        STRAVA_CLIENT_SECRET="not used",
        CACHE="off",
        **dict.fromkeys(
            (
                "COST_LIMIT",
                "COST_BUCKET_USER",
                "COST_REFILL_USER_PER_S",
                "REQUEST_BUCKET_IP",
                "REQUEST_REFILL_IP_PER_S",
            ),
            str(10**9),
        ),
    )


def await_ready(process: subprocess.Popen[bytes]) -> list[int]:
    """Wait for the first answer; returns the processes."""
    import psutil

    while process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{PORT}/readyz", trust_env=False).is_success:
                return [
                    process.pid,
                    *(child.pid for child in psutil.Process(process.pid).children(recursive=True)),
                ]
        except httpx.TransportError:
            sleep(0.1)
    raise SystemExit("bench: the server did not start")


if __name__ == "__main__":
    sys.exit(main())
