import os
import signal

import pytest

from jobs.lease import WorkerStopping
from jobs.stop_signal import StopRequest

JOB = 7


class Work:
    """Steps within what may be interrupted; `done` are those that ended."""

    def __init__(self) -> None:
        self.stop, self.done = StopRequest(), []
        self.stop.install()

    def run(self, *steps: str) -> None:
        with self.stop.interruptible(JOB):
            self._do(steps)

    def change(self, *steps: str) -> None:
        with self.stop.uninterrupted():
            self._do(steps)

    def _do(self, steps) -> None:
        for step in steps:
            if step == "stop":
                os.kill(os.getpid(), signal.SIGTERM)
            elif step.startswith("change"):
                self.change(*step.split()[1:])
            self.done.append(step)


@pytest.fixture
def work():
    handler = signal.getsignal(signal.SIGTERM)
    yield Work()
    signal.signal(signal.SIGTERM, handler)


def test_a_stop_ends_at_once_what_may_be_interrupted(work):
    with pytest.raises(WorkerStopping):
        work.run("one", "stop", "two")
    assert work.done == ["one"]


def test_a_stop_lets_a_change_end_and_then_ends_the_rest(work):
    with pytest.raises(WorkerStopping):
        work.run("change stop two", "three")
    assert work.done == ["stop", "two"]


def test_after_a_change_a_stop_interrupts_again(work):
    with pytest.raises(WorkerStopping):
        work.run("change one", "two", "stop", "three")
    assert work.done == ["one", "change one", "two"]


def test_elsewhere_a_change_goes_on_after_a_stop(work):
    work.change("stop", "two")
    assert work.done == ["stop", "two"]
    assert work.stop.requested
