"""The processes of an installation, run by `pacegraph` as its users run them, and what each wrote
into its log.
"""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from socket import create_server

import httpx

from settings import child_environment

ROOT = Path(__file__).parents[1]
WITHIN_S = 40
REQUIRED = {
    "timestamp": str, "level": str, "logger": str, "message": str, "process": str, "version": str, "pid": int,
}  # fmt: skip


class Deployment:
    """The processes of an installation, and what each wrote to standard error."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.logs: dict[str, Path] = {}

    def start(self, *arguments, **changes):
        name = f"{len(self.logs)}-{arguments[0]}"
        self.logs[name] = self.folder / f"{name}.log"
        environment = child_environment(**self.environment | changes)
        with self.logs[name].open("wb") as log:
            command = [sys.executable, "-m", "cli", *arguments]
            return subprocess.Popen(
                command, env=environment, stderr=log, stdout=subprocess.DEVNULL, cwd=self.folder
            )

    def run(self, *arguments, **changes):
        """Run a command to its end; gives its exit code."""
        return self.start(*arguments, **changes).wait(WITHIN_S)

    @contextmanager
    def running(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WITHIN_S)

    @contextmanager
    def api(self, **changes):
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        with self.running("api", "--port", str(port), **changes), http:
            until(lambda: answers(http), self)
            yield http

    def text(self):
        return "\n".join(log.read_text() for log in self.logs.values())

    def lines(self):
        """All lines, in the order of time; each is checked."""
        found = [
            checked(line) for log in self.logs.values() for line in log.read_text().splitlines()
        ]
        return sorted(found, key=lambda line: line["timestamp"])

    def lines_of(self, **fields):
        return [line for line in self.lines() if fields.items() <= line.items()]


def checked(text):
    """Read a line, which must be an object with the fields that all have."""
    line = json.loads(text)
    assert {name: type(line.get(name)) for name in REQUIRED} == REQUIRED, line
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0
    exception = line.get("exception")
    assert exception is None or exception.keys() == {"type", "message", "stack"}
    return line


def until(condition, deployment):
    deadline = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < deadline, deployment.text()[-4000:]
        time.sleep(0.05)
    return found


def answers(http):
    try:
        return http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
