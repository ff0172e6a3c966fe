"""A whole `pacegraph run` whose processes are killed one by one, or all at once."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from local.home import running_facts
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = {
    "api": "cli api",
    "worker": "cli worker",
    "strava": "simulate-strava",
    "Redis": "redis-server",
    "PostgreSQL": "bin/postgres",
}
_READY_WITHIN_S = 60


class RunProcess:
    """`pacegraph run` on a home of its own."""

    def __init__(self, **environment: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pacegraph-test-"))
        self.home = self.folder / "home"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.environment = {
            **os.environ,
            "PACEGRAPH_HOME": str(self.home),
            "PORT": str(port),
            "WORKERS": "1",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, Any] = {}

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `pacegraph` with the run's environment."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *arguments: str, **environment: str) -> None:
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "run", *arguments],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.until(self._is_ready, _READY_WITHIN_S)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        self.facts = running_facts(self.home) or {}
        return self.facts.get("pid") == self.process.pid

    @property
    def output(self) -> str:
        return (self.folder / "out").read_text()

    def until(self, is_so: Callable[[], object], within_s: float = PATIENCE_S) -> float:
        """Wait; returns the seconds that it took."""
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() < began + within_s, self.output
            time.sleep(0.05)
        return time.monotonic() - began

    def child(self, name: str) -> psutil.Process | None:
        """The living child of the supervisor whose name CHILDREN knows."""
        assert self.process is not None
        [supervisor] = psutil.Process(self.process.pid).children()
        for child in supervisor.children():
            try:
                is_it = CHILDREN[name] in " ".join(child.cmdline())
                if is_it and child.status() != psutil.STATUS_ZOMBIE:
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def kill_everything(self) -> None:
        """SIGKILL all processes at one moment."""
        assert self.process is not None
        guard = psutil.Process(self.process.pid)
        everything = [guard, *guard.children(recursive=True)]
        for each in everything:
            each.suspend()
        for each in everything:
            each.kill()
        self.process.wait()

    def ask(self, query: str, token: str = "athlete") -> Any:
        answer = httpx.post(
            self.facts["graphql"],
            json={"query": query},
            headers={"authorization": f"Bearer {self.facts['tokens'][token]}"},
            timeout=20,
            trust_env=False,
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def status(self, path: str, base: str | None = None) -> int:
        """The status of a GET; 0 without a server."""
        try:
            return httpx.get((base or self.facts["url"]) + path, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def sync(self) -> str:
        """Sync the simulated athlete; returns how the job ends."""
        athlete_id = self.facts["athlete_id"]
        started = self.ask(
            f'mutation {{ syncStrava(input: {{athleteId: "{athlete_id}"}}) {{ job {{ id }} }} }}'
        )
        job_id = started["syncStrava"]["job"]["id"]
        query = f'{{ node(id: "{job_id}") {{ ... on Job {{ status }} }} }}'
        ended = {"SUCCEEDED", "FAILED", "CANCELLED"}
        self.until(lambda: self.ask(query)["node"]["status"] in ended, 60)
        status: str = self.ask(query)["node"]["status"]
        return status

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)
