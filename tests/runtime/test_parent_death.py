"""Processes end with the one that forked them, even when that is killed."""

import os
import signal
import sys
from time import monotonic, sleep

import psutil
import pytest

from runtime.parent_death import adopt_orphans, die_with_parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has death signals")


def fork(work):
    """Fork a process that runs `work` and then ends."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def ended(pid, within_s=5.0):
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        sleep(0.01)
    return False


def parent_with_child(prepare):
    """Fork a parent that forks a child, which sleeps after `prepare(parent's id)`; get their ids."""
    reading, writing = os.pipe()

    def be_parent():
        own = os.getpid()

        def be_child():
            prepare(own)
            os.write(writing, str(os.getpid()).encode())
            sleep(60)

        fork(be_child)
        sleep(60)

    parent = fork(be_parent)
    child = int(os.read(reading, 20))
    os.close(reading)
    os.close(writing)
    return parent, child


def test_a_child_dies_with_a_parent_that_is_killed():
    parent, child = parent_with_child(die_with_parent)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert ended(child)


def test_without_it_a_child_outlives_its_parent():
    parent, child = parent_with_child(lambda _: None)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert not ended(child, within_s=0.2)
    os.kill(child, signal.SIGKILL)


def test_a_child_whose_parent_is_dead_already_ends_at_once():
    child = fork(lambda: (die_with_parent(parent=1), sleep(60)))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1


def test_an_adopter_becomes_the_parent_of_orphans():
    def be_adopter():
        adopt_orphans()
        parent, child = parent_with_child(lambda _: None)
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        is_own = psutil.Process(child).ppid() == os.getpid()
        os.kill(child, signal.SIGKILL)
        os._exit(0 if is_own else 3)

    _, status = os.waitpid(fork(be_adopter), 0)
    assert os.waitstatus_to_exitcode(status) == 0
