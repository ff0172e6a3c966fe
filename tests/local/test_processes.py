"""The end of children and of what they started."""

import subprocess
import sys
import time
from signal import SIGTERM

import psutil

from local.processes import end

_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True)
print("started", flush=True)
time.sleep(60)
"""
_STORES = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(1)
open(sys.argv[1], "w").write("stored")
"""
_NEVER_ENDS = """
import signal, sys, time
open(sys.argv[1], "w").write(str(__import__("os").getpid()))
time.sleep(60)
"""


def child(grandchild: str, file) -> subprocess.Popen:
    command = [sys.executable, "-c", _CHILD, grandchild, str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    return process


def test_what_a_child_started_may_end_its_work(tmp_path):
    """As a refresh of tokens, which Strava answers while the run ends."""
    process = child(_STORES, tmp_path / "pair")
    began = time.monotonic()
    end([(process, SIGTERM)], grace_s=30)
    assert (tmp_path / "pair").read_text() == "stored"
    assert time.monotonic() - began < 25  # no longer than it needs
    process.stdout.close()


def test_what_does_not_end_in_time_is_killed(tmp_path):
    process = child(_NEVER_ENDS, tmp_path / "pid")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    end([(process, SIGTERM)], grace_s=0.2)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text())) or is_dead(tmp_path / "pid")
    process.stdout.close()


def is_dead(file) -> bool:
    return psutil.Process(int(file.read_text())).status() == psutil.STATUS_ZOMBIE
