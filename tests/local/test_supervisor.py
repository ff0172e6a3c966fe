"""Whatever ends `pacegraph run`, nothing that it started is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.home import running_facts
from settings import child_environment
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parent.parent.parent
_PUBLISHES = """
import sys, time, pathlib
from local.home import Home

Home(pathlib.Path(sys.argv[1])).publish({})
time.sleep(60)
"""
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
        deadline = time.monotonic() + PATIENCE_S
        while (running_facts(self.run_file.parent) or {}).get("pid") != self.process.pid:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, within_s: float = PATIENCE_S) -> tuple[int, str]:
        """Exit code and standard error, after checking that all is gone."""
        _, alive = psutil.wait_procs(self.family, timeout=within_s)
        assert not alive
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        assert not self.run_file.exists()
        return self.process.returncode, errors

    def kill_all(self) -> None:
        """Kill everything at one moment."""
        everything = [psutil.Process(self.process.pid), *self.family]
        for process in everything:
            process.suspend()
        for process in everything:
            process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    def clean_up(self) -> None:
        for process in [self.process, *self.family]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.communicate(timeout=PATIENCE_S)


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
    assert time.monotonic() - started < 30


def test_a_killed_guard_leaves_nothing(start):
    run = start()
    run.process.kill()
    code, _ = run.end()
    assert code == -signal.SIGKILL


def test_a_killed_supervisor_leaves_nothing(start):
    run = start()
    run.supervisor.kill()
    code, errors = run.end()
    assert code == 1
    assert "supervisor was killed by signal 9" in errors


def until(is_so: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_dead_child_starts_again_and_is_named(start):
    run = start()
    os.kill(run.programs[1], signal.SIGKILL)
    log = run.run_file.parent / "logs" / "program1.log"
    until(lambda: log.read_text().count("the pool is up") > 1)
    run.family += run.supervisor.children(recursive=True)
    run.process.send_signal(signal.SIGTERM)
    code, errors = run.end()
    assert code == 0
    assert errors.startswith("pacegraph: program1 was killed by SIGKILL; it starts again in 0.1 s")
    assert errors.count("\n") == 1


def test_a_child_that_dies_too_often_ends_the_rest_and_is_named(start):
    run = start("mortal")
    code, errors = run.end()
    assert code == 1
    assert errors.count("it starts again in") == 3
    last = errors[errors.index("program1 ended 4 times within 20 s") :]
    assert "ended with code 3; its log, " in last
    assert "    the last words" in last


def test_orphans_are_reaped(start):
    """The pool's children go to the supervisor when the pool is killed."""
    run = start()
    pool = psutil.Process(run.programs[0])
    orphans = pool.children(recursive=True)
    pool.kill()
    for each in orphans:
        each.kill()
    until(lambda: not any(each.is_running() for each in orphans))


def test_logs_may_be_renamed_and_deleted(start):
    run = start("chatty")
    log = run.run_file.parent / "logs" / "program1.log"
    log.rename(log.with_name("moved"))
    until(lambda: log.exists() and log.stat().st_size)
    assert log.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(log.parent)
    until(lambda: log.exists() and log.stat().st_size)
    assert log.parent.stat().st_mode & 0o777 == 0o700
    assert run.process.poll() is None


def test_logs_are_bounded_while_running(start):
    run = start("chatty")
    logs = run.run_file.parent / "logs"
    until((logs / "program1.log.2").exists)
    seen: set[int] = set()
    for _ in range(20):
        sizes = {path.name: path.stat().st_size for path in logs.glob("program1.log*")}
        seen.add(sizes["program1.log"])
        assert len(sizes) <= 3
        assert max(sizes.values()) <= 20_000 + 65_536
        time.sleep(0.05)
    assert len(seen) > 1


def test_a_terminal_that_does_not_read_holds_nobody_up(start):
    """Nobody reads the pipe, which 700 of these lines fill. The child and its log go on."""
    run = start("chatty")
    log = run.run_file.parent / "logs" / "program1.log"
    first = number_of_last_line(log)
    until(lambda: number_of_last_line(log) > first + 1500)
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == (0, "")


def number_of_last_line(log: Path) -> int:
    lines = log.read_text().splitlines() if log.exists() else []
    return int(lines[-2].split()[1]) if len(lines) > 1 else -1


def test_the_log_of_a_run_that_was_killed_is_kept(start):
    run = start()
    run.kill_all()
    again = start()
    kept = again.run_file.parent / "logs" / "program0.log.1"
    assert kept.read_text() == "the pool is up\n"


def test_a_start_right_after_the_end_of_guard_and_supervisor_waits(start):
    """What they left still ends; until then it holds the claim."""
    run = start("stubborn")
    run.supervisor.suspend()  # so that it ends nothing
    run.process.kill()
    run.supervisor.kill()
    again = start()
    assert json.loads(again.run_file.read_text())["pid"] == again.process.pid


def test_a_run_json_never_names_a_dead_run(start):
    run = start()
    home = run.run_file.parent
    facts = running_facts(home)
    assert facts is not None
    assert facts["pid"] == run.process.pid
    assert run.run_file.stat().st_mode & 0o777 == 0o600
    run.kill_all()
    assert run.run_file.is_symlink()  # nobody was there to remove it
    assert not run.run_file.exists()
    assert running_facts(home) is None


def test_without_memory_of_its_own_a_run_json_is_told_from_that_of_a_dead_run(tmp_path):
    """As on systems without memfd or /proc."""
    with subprocess.Popen([sys.executable, "-c", _PUBLISHES, str(tmp_path)], cwd=ROOT) as process:
        run_file = tmp_path / "run.json"
        deadline = time.monotonic() + 30
        while not run_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not run_file.is_symlink()
        facts = running_facts(tmp_path)
        assert facts is not None
        assert facts["pid"] == process.pid
        process.kill()
    assert run_file.exists()
    assert running_facts(tmp_path) is None
