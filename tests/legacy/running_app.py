"""The older application as it runs: its migrations, its scripts, its API, in processes of their
own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from socket import create_server
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import httpx
from pydantic import BaseModel, TypeAdapter

from settings import child_environment

ROOT = Path(__file__).parents[2]
OLD_APP = Path(__file__).parent / "old_app"
ADA = uuid5(NAMESPACE_DNS, "Ada")
RUN = uuid5(ADA, "3")


class RunningApp:
    """A copy of the application in `folder`. `python` are options of Python; `said` is what was
    written to stderr.
    """

    def __init__(self, folder: Path, python: list[str], **environment: str) -> None:
        self.folder, self.said = folder, ""
        self._python = [sys.executable, *python]
        path = os.pathsep.join([str(ROOT), str(ROOT / "legacy" / "imports")])
        self._environment = child_environment(
            PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1", **environment
        )

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
        command = [
            *self._python,
            "-m",
            "uvicorn",
            "main:app",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
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
            known: dict[str, str] = {}
            for asked in REQUESTS:
                answer = http.request(asked.method, asked.path.format(**known), json=asked.body)
                assert "x-request-id" in answer.headers
                asked.check(answer)
                known |= TASK_ID.findall(answer.text)
                answers[f"{asked.method} {asked.path}"] = answer.json()
        answers["report"] = self.run("scripts/report.py")
        return answers


class Detail(BaseModel):
    """What FastAPI says of an error."""

    detail: str


class Faults(BaseModel):
    """What FastAPI says of what it cannot read."""

    class Fault(BaseModel):
        type: str
        loc: list[str]
        msg: str

    detail: list[Fault]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the application's callers, and what they rely on: the status, and the schema of
    the answer.
    """

    method: str
    path: str
    answers: Any
    status: int = 200
    body: Any = None

    def check(self, answer: httpx.Response) -> None:
        assert answer.status_code == self.status, (self, answer.text)
        TypeAdapter(self.answers).validate_json(answer.content, strict=True)


FEEDBACK = {"activity_id": str(RUN), "perceived_effort": 7, "notes": "legs heavy"}
TASK_ID = re.compile(r'"(task_id)":"([^"]+)"')


def _schemas() -> Any:
    """The application's own, which know nothing of us."""
    spec = spec_from_file_location("old_app_schemas", OLD_APP / "schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


schemas = _schemas()
REQUESTS = [
    Asked("GET", "/health", schemas.HealthResponse),
    Asked("GET", "/v1/athletes", list[schemas.AthleteResponse]),
    Asked("GET", f"/v1/athletes/{ADA}", schemas.AthleteResponse),
    Asked("GET", f"/v1/athletes/{RUN}", Detail, 404),
    Asked("GET", "/v1/athletes/nobody", Faults, 422),
    Asked("GET", f"/v1/activities?athlete_id={ADA}&limit=3", list[schemas.ActivityResponse]),
    Asked("GET", f"/v1/activities?athlete_id={ADA}&limit=0", Faults, 422),
    Asked("GET", f"/v1/activities?athlete_id={ADA}", list[schemas.ActivityResponse]),
    Asked("GET", f"/v1/activities?athlete_id={RUN}", Detail, 404),
    Asked("GET", f"/v1/athletes/{ADA}/personal-bests", list[schemas.PersonalBestResponse]),
    Asked("GET", f"/v1/activities/{RUN}/age-grade", schemas.AgeGradeResponse),
    Asked("GET", f"/v1/activities/{RUN}/age-grade", schemas.AgeGradeResponse),
    Asked("GET", f"/v1/activities/{ADA}/age-grade", Detail, 404),
    Asked("GET", f"/strava/sync/{RUN}", Detail, 404),
    Asked("POST", "/strava/sync", schemas.TaskResponse),
    Asked("GET", "/strava/sync/{task_id}", schemas.TaskStatus),
    Asked("POST", "/feedback", schemas.FeedbackResponse, body=FEEDBACK),
    Asked("POST", "/feedback", Faults, 422, body=[]),
]


def copy_of_old_app(folder: Path) -> Path:
    return Path(shutil.copytree(OLD_APP, folder, ignore=shutil.ignore_patterns("__pycache__")))


def warned(said: str) -> set[tuple[str, str]]:
    """Old names and places of the warnings, in either form of the log; each of them names what to
    write instead.
    """
    shown = r'(?:DeprecationWarning: |"py\.warnings","message":")'
    return set(re.findall(shown + r"(\S+), used in (\S+?), is deprecated\. Instead: \S", said))
