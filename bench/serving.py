"""What the benchmarks share: a served data set, load by wrk, and resource usage."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from local.home import running_facts
from settings import child_environment

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"
QUERIES = PEERS / "queries" / "pacegraph"
MAX_MEMORY_MB = 120
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_READY_WITHIN_S = 3600  # writing ten million rows takes long, once


@dataclass(frozen=True, slots=True)
class Served:
    """A running `pacegraph bench-serve`, as its run.json describes it."""

    graphql: str
    token: str
    pids: list[int]
    redis_pid: int
    pgdata: str
    pghost: str
    ids: str
    logs: str
    start_up_s: float

    def cpu_s(self) -> float:
        """Seconds of CPU that the API has used."""
        return sum(sum(each.cpu_times()[:2]) for each in (*self._processes(), *self._helpers()))

    def cpu_with_database_s(self) -> float:
        """Seconds of CPU that the API and PostgreSQL have used, processes that ended included."""
        return self.cpu_s() + self.postgres_cpu_s()

    def postgres_cpu_s(self) -> float:
        """Seconds of CPU that PostgreSQL has used, processes that ended included."""
        pid = int((Path(self.pgdata) / "postmaster.pid").read_text().split("\n", 1)[0])
        server = psutil.Process(pid)
        processes = (server, *server.children(recursive=True))
        return sum(cpu_with_ended_s(each) for each in processes)

    def memory_mb(self) -> float:
        """Resident memory of the API process."""
        return sum(each.memory_info().rss for each in self._processes()) / 2**20

    def helpers_mb(self) -> float:
        """Memory that its child processes have for themselves: they share most with it."""
        return sum(each.memory_full_info().uss for each in self._helpers()) / 2**20

    def _processes(self) -> list[psutil.Process]:
        return [psutil.Process(pid) for pid in self.pids]

    def _helpers(self) -> list[psutil.Process]:
        """Child processes of the server, such as the one that reads documents."""
        return [child for each in self._processes() for child in each.children(recursive=True)]

    def ask(self, query: str, variables: dict[str, object] | None = None) -> bytes:
        """Send one query. Raises AssertionError if the answer is an error."""
        import httpx

        headers = {"authorization": f"Bearer {self.token}"}
        body = {"query": query, "variables": variables or {}}
        answer = httpx.post(self.graphql, json=body, headers=headers, timeout=60, trust_env=False)
        assert answer.is_success, answer.text[:500]
        assert "errors" not in answer.json(), answer.text[:500]
        return answer.content

    def ask_json(self, query: str) -> dict[str, Any]:
        """Send one query; returns its data. Raises AssertionError if the answer is an error."""
        data: dict[str, Any] = json.loads(self.ask(query))["data"]
        return data

    def first_id(self) -> str:
        return Path(self.ids).read_text().split("\n", 1)[0]


def cpu_with_ended_s(process: psutil.Process) -> float:
    """Seconds of CPU of a process and of its children that ended."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0  # it ended; its parent counts it
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def served(
    home: Path | None = None, activities: int | None = None, **environment: str
) -> Iterator[Served]:
    """Run `pacegraph bench-serve` in `home`, with the cache off, while the block runs."""
    home = (home or ROOT / ".local-bench").resolve()
    values = {"CACHE": "off", "PORT": "4200", "PACEGRAPH_HOME": str(home), **environment}
    command = [sys.executable, "-m", "cli", "bench-serve", "--with-parent"]
    if activities:
        command += ["--activities", str(activities)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=child_environment(**values), stdout=subprocess.DEVNULL
    )
    try:
        yield _await_ready(process, home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _await_ready(process: subprocess.Popen[bytes], home: Path) -> Served:
    deadline = time.monotonic() + _READY_WITHIN_S
    while (facts := running_facts(home)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("bench: `pacegraph bench-serve` did not start")
        time.sleep(0.05)
    names = Served.__dataclass_fields__.keys() - {"token"}
    return Served(token=facts["tokens"]["admin"], **{name: facts[name] for name in names})


@dataclass(frozen=True, slots=True)
class Load:
    """The results of wrk."""

    requests: int
    rps: float
    p50_ms: float
    p99_ms: float


class WrkFailed(Exception):
    """wrk got error answers; the message is its output."""


def wrk(
    server: Served,
    query: Path,
    *,
    seconds: float,
    connections: int = 16,
    rotate: bool = False,
    documents: int = 0,
    after: int = 0,
) -> Load:
    """Send the query in the file repeatedly. Raises WrkFailed.

    `rotate` sends the athletes' ids in turn as the variable `id`. With `documents`, as many
    distinct ones are sent in turn in place of the query, from the one behind `after` on.
    """
    environment = {
        "GQL_FILE": str(query),
        "GQL_TOKEN": server.token,
        "GQL_IDS": server.ids if rotate else "",
    }
    environment |= {"GQL_ROTATE": "1" if rotate else "0"}
    environment |= {"GQL_DOCUMENTS": str(documents), "GQL_AFTER": str(after)}
    script = "documents" if documents else "gql"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "30s"]
    output = subprocess.run(
        [*command, "-s", str(PEERS / "lua" / f"{script}.lua"), server.graphql],
        env=child_environment(**environment),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise WrkFailed(output)
    return Load(
        requests=int(_found(r"(\d+) requests in", output)),
        rps=float(_found(r"Requests/sec:\s+([\d.]+)", output)),
        p50_ms=_milliseconds(_found(r"(?m)^\s+50%\s+(\S+)", output)),
        p99_ms=_milliseconds(_found(r"(?m)^\s+99%\s+(\S+)", output)),
    )


def _found(pattern: str, output: str) -> str:
    match = re.search(pattern, output)
    if match is None:
        raise WrkFailed(output)
    return match[1]


def _milliseconds(duration: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", duration)
    assert match is not None
    return float(match[1]) * _MILLISECONDS[match[2]]


def require_tools(*names: str) -> None:
    """Exit with a message if a program is missing; wrk is installed if apt-get can do so."""
    if "wrk" in names and not shutil.which("wrk") and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False)
    if missing := [name for name in names if not shutil.which(name)]:
        raise SystemExit(
            f"bench: not found: {', '.join(missing)}. "
            "The benchmark needs Node.js 20 with npm, and wrk"
        )


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, its first column left-aligned, the others right."""
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print(flush=True)


def is_ready(url: str) -> bool:
    """Whether the API at an address says that it is."""
    import httpx

    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False
