"""What the C allocator keeps is given back, where it is much."""

import asyncio
import gc
import subprocess
import sys
import time

import psutil
import pytest

from runtime import allocator
from runtime.allocator import CROWD, Allocator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(Allocator().kept_bytes == 0, reason="the C library is not glibc"),
]

PARTS, PART_BYTES = 2000, 16 * 1024
MB = 2**20


def leave_gaps() -> list[bytearray]:
    """Free most of what was allocated: what stays lies between, so glibc keeps all."""
    made = [bytearray(PART_BYTES) for _ in range(PARTS)]
    kept = made[::100]
    del made
    return kept


async def test_gaps_are_given_back():
    made = Allocator()
    kept = leave_gaps()
    before = psutil.Process().memory_info().rss
    task = asyncio.create_task(made.give_back_every(0.05))
    await asyncio.sleep(0.5)
    task.cancel()
    assert made.given_back >= 1
    assert before - psutil.Process().memory_info().rss > 20 * MB
    assert len(kept) == PARTS // 100


async def test_little_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_LEAST_BYTES", 2**50)
    made = Allocator()
    task = asyncio.create_task(made.give_back_every(0.01))
    await asyncio.sleep(0.1)
    task.cancel()
    assert made.given_back == 0


async def test_never_means_never():
    await asyncio.wait_for(Allocator().give_back_every(0), 1)


FAULTS = """
import resource
from runtime.allocator import keep_what_was_freed
if {keeps}:
    keep_what_was_freed()
def work():
    blocks = [bytes(100_000) for _ in range(50)]
for _ in range(10):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_work_that_is_done_again_and_again_has_its_memory_cleared_once():
    def faults(*, keeps: bool) -> int:
        program = [sys.executable, "-c", FAULTS.format(keeps=keeps)]
        return int(subprocess.run(program, capture_output=True, check=True, timeout=60).stdout)

    assert faults(keeps=True) < 50 < faults(keeps=False) / 10


def test_small_objects_lie_elsewhere_while_a_crowd_grows(monkeypatch):
    monkeypatch.setattr(allocator, "_GROWS_S", 0.0)
    made = Allocator()
    made.serve_crowd(CROWD - 1)
    assert not made.small_objects.is_given_back
    monkeypatch.setattr(allocator, "_GROWS_S", 60.0)
    made.serve_crowd(CROWD)
    assert made.small_objects.is_given_back
    made.serve_crowd(CROWD - 1)
    assert made.small_objects.is_given_back
    made.serve_crowd(CROWD // 2)
    assert not made.small_objects.is_given_back


def test_a_crowd_that_has_come_is_at_no_cost_of_others(monkeypatch):
    monkeypatch.setattr(allocator, "_GROWS_S", 0.0)
    made = Allocator()
    made.serve_crowd(2 * CROWD)
    made.serve_crowd(2 * CROWD)
    assert not made.small_objects.is_given_back


async def test_garbage_is_looked_for_once_when_a_crowd_has_left():
    made, collected = Allocator(), []

    def note(phase, info):
        if phase == "start" and info["generation"] == 2:
            collected.append(info)

    gc.callbacks.append(note)
    task = asyncio.create_task(made.give_back_every(0.05))
    try:
        await asyncio.sleep(0.2)
        assert not collected
        for streams in (CROWD, CROWD // 2, 0):
            made.serve_crowd(streams)
        await asyncio.sleep(0.4)
        assert len(collected) == 1
    finally:
        task.cancel()
        gc.callbacks.remove(note)


def test_a_crowd_that_comes_and_goes_makes_others_slower_for_a_tenth_of_the_time(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(allocator, "monotonic", lambda: clock[0])
    made = Allocator()
    on_s = 0
    for second in range(7200):
        made.serve_crowd(CROWD if second % 58 < 56 else CROWD // 2)
        on_s += made.small_objects.is_given_back
        clock[0] += 1
    made.serve_crowd(0)
    assert not made.small_objects.is_given_back
    assert 4 * 170 < on_s <= 4 * 182


async def test_collections_take_a_bounded_part_of_the_time(monkeypatch):
    collected = []

    def collect() -> None:
        collected.append(1)
        time.sleep(0.05)

    monkeypatch.setattr(allocator.gc, "collect", collect)
    made = Allocator()
    task = asyncio.create_task(made.give_back_every(0.01))
    for _ in range(20):
        made.serve_crowd(CROWD)
        made.serve_crowd(CROWD // 2)
        await asyncio.sleep(0.1)
    task.cancel()
    made.serve_crowd(0)
    assert len(collected) == 1
