"""The older application as it runs: its migrations, its scripts, its API, in processes of their own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import httpx

from settings import child_environment

ROOT = Path(__file__).parents[2]
OLD_APP = Path(__file__).parent / "old_app"
ADA = uuid5(NAMESPACE_DNS, "Ada")
RUN = uuid5(ADA, "3")


class RunningApp:
    """A copy of the application in `folder`. `python` are options of Python; `said` is what was written to stderr."""

    def __init__(self, folder: Path, python: list[str], **environment: str) -> None:
        self.folder, self.said = folder, ""
        self._python = [sys.executable, *python]
        path = os.pathsep.join([str(ROOT), str(ROOT / "legacy" / "imports")])
        self._environment = child_environment(PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1", **environment)

    def run(self, *arguments: str) -> str:
        """Run Python in the application's folder; gives what it prints."""
        ended = subprocess.run(
            [*self._python, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said += ended.stderr
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [*self._python, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"]
        log = self.folder / "api.log"
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=self.folder, env=self._environment, stderr=out)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                self._await(client, process, log)
                yield client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            self.said += log.read_text()

    @staticmethod
    def _await(client: httpx.Client, process: subprocess.Popen, log: Path) -> None:
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            assert process.poll() is None, log.read_text()
            try:
                client.get("/openapi.json")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(log.read_text())

    def everything(self) -> dict[str, Any]:
        """Use all of it; gives what it answers."""
        answers: dict[str, Any] = {
            "upgrade": self.run("-m", "alembic", "upgrade", "head"),
            "seed": self.run("scripts/seed.py"),
            "recalculate": self.run("scripts/recalculate_pbs.py"),
        }
        with self.serving() as http:
            for method, path, body in REQUESTS:
                answer = http.request(method, path, json=body)
                assert "x-request-id" in answer.headers
                answers[f"{method} {path} {body}"] = (answer.status_code, answer.json())
        answers["report"] = self.run("scripts/report.py")
        return answers


FEEDBACK = {"activity_id": str(RUN), "perceived_effort": 7, "notes": "legs heavy"}
REQUESTS = [
    ("GET", "/health", None),
    ("GET", "/v1/athletes", None),
    ("GET", f"/v1/athletes/{ADA}", None),
    ("GET", f"/v1/athletes/{RUN}", None),
    ("GET", f"/v1/activities?athlete_id={ADA}&limit=3", None),
    ("GET", f"/v1/athletes/{ADA}/personal-bests", None),
    ("GET", f"/v1/activities/{RUN}/age-grade", None),
    ("GET", f"/v1/activities/{RUN}/age-grade", None),
    ("GET", f"/strava/sync/{uuid5(ADA, 'sync')}", None),
    ("POST", "/strava/sync", None),
    ("GET", f"/strava/sync/{uuid5(ADA, 'sync')}", None),
    ("GET", "/strava/configured", None),
    ("POST", "/feedback", FEEDBACK),
    ("POST", "/feedback", FEEDBACK),
    ("GET", "/feedback", None),
]


def copy_of_old_app(folder: Path) -> Path:
    return Path(shutil.copytree(OLD_APP, folder, ignore=shutil.ignore_patterns("__pycache__")))


def warned(said: str) -> set[tuple[str, str]]:
    """Old names and places of the warnings, in either form of the log; each of them names what to write instead."""
    shown = r'(?:DeprecationWarning: |"py\.warnings","message":")'
    return set(re.findall(shown + r"(\S+), used in (\S+?), is deprecated\. Instead: \S", said))
