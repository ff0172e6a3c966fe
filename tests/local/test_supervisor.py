"""Whatever ends `pacegraph run`, nothing that it started is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from settings import child_environment

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = Path(__file__).with_name("supervised.py")


class Run:
    """A guarded supervisor in its own process, and all processes below it once it was ready."""

    def __init__(self, home: Path, *options: str) -> None:
        self.run_file = home / "run.json"
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(home), *options],
            env=child_environment(PYTHONPATH=str(ROOT)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._await_ready()
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        self.supervisor = psutil.Process(self.process.pid).children()[0]
        self.programs = json.loads(self.run_file.read_text())["programs"]

    def _await_ready(self) -> None:
        deadline = time.monotonic() + 10
        while not self.run_file.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, within_s: float = 6) -> tuple[int, str]:
        """Exit code and standard error, after checking that all is gone."""
        _, alive = psutil.wait_procs(self.family, timeout=within_s)
        assert not alive
        _, errors = self.process.communicate(timeout=2)
        assert not self.run_file.exists()
        return self.process.returncode, errors

    def clean_up(self) -> None:
        for process in [self.process, *self.family]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.communicate(timeout=5)


@pytest.fixture
def start(tmp_path) -> Iterator:
    runs: list[Run] = []

    def start(*options: str) -> Run:
        runs.append(run := Run(tmp_path / "home", *options))
        return run

    yield start
    for run in runs:
        run.clean_up()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(start, number):
    run = start()
    assert len(run.family) >= 11  # the supervisor, two pools, four children each
    run.process.send_signal(number)
    assert run.end() == (0, "")


def test_signals_in_a_row_change_nothing(start):
    run = start()
    for _ in range(5):
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert run.end() == (0, "")


def test_a_program_that_ignores_sigterm_is_killed_in_time(start):
    run = start("stubborn")
    started = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    run.end()
    assert time.monotonic() - started < 6


def test_a_killed_guard_leaves_nothing(start):
    run = start()
    run.process.kill()
    code, _ = run.end()
    assert code == -signal.SIGKILL


def test_a_killed_supervisor_leaves_nothing(start):
    run = start()
    run.supervisor.kill()
    code, errors = run.end(within_s=8)
    assert code == 1
    assert "supervisor was killed by signal 9" in errors


def test_a_dead_child_ends_the_rest_and_is_named(start):
    run = start()
    os.kill(run.programs[1], signal.SIGKILL)
    code, errors = run.end()
    assert code == 1
    assert errors.startswith("program1 was killed by SIGKILL; its log, ")
    assert "    the pool is up" in errors
