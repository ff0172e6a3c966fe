"""Compare the API with batched writes and with uvicorn's own, in turns, on the same rows.

Run it with `python -m bench.write_batching`. docs/decisions/0004-batched-writes.md quotes it.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.asgi_servers import PORT, api_environment, application, await_ready
from bench.serving import QUERIES, ROOT, Served, print_table, require_tools, served, wrk
from web.http.bounded_protocol import BoundedHttp

ROUNDS = 4
SECONDS = 2
ACTIVITIES = 10_000  # Q1 reads none
NAMES = ("batched", "direct")
CONNECTIONS = (1, 16, 64)


class DirectHttp(BoundedHttp):
    """The same protocol, which writes to the transport at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = self._raw_transport


def serve(name: str) -> None:
    """Serve the API by one of the two protocols."""
    import uvicorn

    from web.http.server import tune_process

    app = application()
    tune_process()
    protocol = BoundedHttp if name == "batched" else DirectHttp
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=PORT,
        loop="uvloop",
        http=protocol,
        log_config=None,
        access_log=False,
        server_header=False,
    )


@contextmanager
def _running(name: str, services: Served) -> Iterator[Served]:
    log = Path(services.logs) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.write_batching", name],
            cwd=ROOT,
            env=api_environment(services),
            stdout=output,
            stderr=output,
        )
    try:
        pids = await_ready(process)
        yield replace(services, graphql=f"http://127.0.0.1:{PORT}/graphql", pids=pids)
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    require_tools("wrk")
    measured: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    with served(ROOT / ".local-bench-writes", ACTIVITIES) as services:
        for number in range(ROUNDS):
            for name in NAMES if number % 2 else reversed(NAMES):
                with _running(name, services) as server:
                    wrk(server, QUERIES / "Q1.graphql", seconds=1)
                    for connections in CONNECTIONS:
                        cpu = server.cpu_s()
                        load = wrk(
                            server,
                            QUERIES / "Q1.graphql",
                            seconds=SECONDS,
                            connections=connections,
                        )
                        cpu_ms = (server.cpu_s() - cpu) * 1000 / load.requests
                        figures = (load.rps, load.p99_ms, cpu_ms)
                        measured.setdefault((connections, name), []).append(figures)
    _print(measured)
    return 0


def _print(measured: dict[tuple[int, str], list[tuple[float, float, float]]]) -> None:
    rows = []
    for connections in CONNECTIONS:
        medians = {
            name: [median(each) for each in zip(*measured[connections, name], strict=True)]
            for name in NAMES
        }
        for name in NAMES:
            rps, p99_ms, cpu_ms = medians[name]
            ratio = cpu_ms / medians["direct"][2]
            rows.append(
                (
                    f"{connections} {name}",
                    f"{rps:,.0f}",
                    f"{p99_ms:.1f}",
                    f"{cpu_ms:.4f}",
                    f"{ratio:.2f}",
                )
            )
    print_table(["Connections", "req/s", "p99 ms", "CPU ms", "CPU ratio"], rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(sys.argv[1])
    else:
        sys.exit(main())
