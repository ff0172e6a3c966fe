"""Makes one attempt at a job in a process that is killed at a numbered point.

Points are the moments before and after each commit and each request to Strava, in their order, also
those of the process that refreshes tokens: it is the attempt's process that is killed there, and
the other goes on. The processes come from multiprocessing's server of forks, which imported
everything and has no thread.
"""

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine.default import DefaultDialect

from jobs import athlete_strava
from jobs.runner import SETTINGS, run
from jobs.sync import activity_walk, effort_derivation
from settings import Settings

_context = get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.crash_point"])
_fork = get_context("fork")
_SOON_S = 0.01
Reached = Callable[[str], None]


def attempt(
    settings: Settings,
    job_id: int,
    folder: Path,
    kill_at: int | None = None,
    instead: Callable[[], None] | None = None,
) -> list[str]:
    """Make an attempt, killed at the point `kill_at`; returns the names of the points reached.

    With `instead`, that is called at the point, while the attempt stands still, and it goes on.
    """
    told = folder / "points"
    told.write_text("")
    ours, theirs = _fork.Pipe()
    arguments = (settings, job_id, told, kill_at, theirs if instead else None)
    process = _context.Process(target=_run, args=arguments)
    process.start()
    if instead is not None:
        while process.is_alive() and not ours.poll(_SOON_S):
            pass
        if ours.poll():
            instead()
            ours.send(None)
    process.join(120)
    points = told.read_text().splitlines()
    is_killed = kill_at is not None and instead is None and len(points) >= kill_at
    assert process.exitcode == (-signal.SIGKILL if is_killed else 0), points
    return points


def _run(
    settings: Settings, job_id: int, told: Path, kill_at: int | None, pipe: Pipe | None
) -> None:
    count, worker = _fork.Value("i", 0), os.getpid()

    def reach(name: str) -> None:
        with count.get_lock():
            number = count.value = count.value + 1
            with told.open("a") as names:
                names.write(f"{name}\n")
        if number == kill_at and pipe is not None:
            pipe.send(None)
            pipe.recv()
        elif number == kill_at:
            os.kill(worker, signal.SIGKILL)

    instrument(reach)
    SETTINGS.set(settings)
    run(job_id)


def instrument(reach: Reached) -> None:
    """Call `reach` with the name of each point of this process; nothing is waited for long."""
    DefaultDialect.do_commit = around(DefaultDialect.do_commit, reach, lambda *_, **__: "commit")
    httpx.Client.send = around(httpx.Client.send, reach, _path_of)
    activity_walk.GONE_AFTER_S = effort_derivation.SECOND_LOOK_AFTER_S = _SOON_S
    athlete_strava.AGAIN_AFTER_S = (_SOON_S, _SOON_S)


def _path_of(_client: httpx.Client, request: httpx.Request, **_: Any) -> str:
    return request.url.path


def around(call: Callable[..., Any], reach: Reached, name: Callable[..., str]) -> Any:
    def with_points(*arguments: Any, **named: Any) -> Any:
        reach(f"before {name(*arguments, **named)}")
        answer = call(*arguments, **named)
        reach(f"after {name(*arguments, **named)}")
        return answer

    return with_points
