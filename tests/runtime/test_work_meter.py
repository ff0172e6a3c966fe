"""Meters of work."""

import time

from runtime.work_meter import WorkMeter


def test_what_is_computed_here_is_apart_from_work_elsewhere():
    meter, other = WorkMeter(), WorkMeter()
    with meter.computing():
        time.sleep(0.1)  # waiting is no work
    assert meter.take_own() < 50
    with other.computing():
        sum(range(500_000))
    other.add(7.0)
    meter.add_of(other)
    assert meter.take_own() > 1
    assert (meter.take(), meter.take_own(), other.take_own()) == (7.0, 0.0, 0.0)
