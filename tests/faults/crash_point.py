"""Makes one attempt at a job in a process that kills itself at a numbered point.

Points are the moments before and after each commit and each request to Strava, in their order. The
processes come from multiprocessing's server of forks, which imported everything and has no thread.
"""

import json
import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine.default import DefaultDialect

from jobs.runner import SETTINGS, run
from settings import Settings

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.crash_point"])


def attempt(
    settings: Settings, job_id: int, folder: Path, kill_at: int | None = None
) -> list[str] | None:
    """Make an attempt; returns the names of its points, None if it was killed at `kill_at`."""
    told = folder / "points.json"
    told.unlink(missing_ok=True)
    process = _context.Process(target=_run, args=(settings, job_id, told, kill_at))
    process.start()
    process.join(60)
    killed = process.exitcode == -signal.SIGKILL
    assert killed is (not told.exists()), process.exitcode
    return None if killed else json.loads(told.read_text())


def _run(settings: Settings, job_id: int, told: Path, kill_at: int | None) -> None:
    points: list[str] = []

    def reach(name: str) -> None:
        points.append(name)
        if len(points) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    DefaultDialect.do_commit = _around(DefaultDialect.do_commit, reach, lambda *_, **__: "commit")
    httpx.Client.send = _around(httpx.Client.send, reach, _path_of)
    SETTINGS.set(settings)
    run(job_id)
    told.write_text(json.dumps(points))


def _path_of(_client: httpx.Client, request: httpx.Request, **_: Any) -> str:
    return request.url.path


def _around(
    call: Callable[..., Any], reach: Callable[[str], None], name: Callable[..., str]
) -> Any:
    def with_points(*arguments: Any, **named: Any) -> Any:
        reach(f"before {name(*arguments, **named)}")
        answer = call(*arguments, **named)
        reach(f"after {name(*arguments, **named)}")
        return answer

    return with_points
